/** What the threads of the fold pool can do: plain functions over shared memory. */
import type { InspectTask } from '../aggregator/fold-task.ts';
import { Inspection } from '../aggregator/inspection.ts';

export { deltaNorm } from '../aggregator/delta-norm.ts';
export { finishMean, makeAhead } from '../aggregator/finish.ts';
export { combineRange, measureRange } from '../aggregator/gather.ts';
export { addStretches } from '../aggregator/shared-fold.ts';

/**
 * Inspections under way. The one state kept between tasks: a hash cannot move to another thread, so all tasks of an
 * upload come to this one. Were it lost with its thread, `finish` would begin anew.
 */
const inspections = new Map<number, Inspection>();

/** Answers as soon as the thread has loaded what it needs. */
export function cameUp(): void {}

/** @param task null: it was told before. */
export function advanceInspection({ id, task, bytes }: { id: number; task: InspectTask | null; bytes: number }): void {
  if (task) inspections.set(id, new Inspection(task));
  inspections.get(id)?.advance(bytes);
}

export function finishInspection({ id, task, bytes }: { id: number; task: InspectTask; bytes: number }) {
  const inspection = inspections.get(id) ?? new Inspection(task);
  inspections.delete(id);
  return inspection.finish(bytes);
}

export function abandonInspection(id: number): void {
  inspections.delete(id);
}
