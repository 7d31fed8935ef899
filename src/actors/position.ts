import type { OpenPhase, Position } from '../domain/facts.ts';
import type { Phase } from '../domain/status.ts';
import { type Machines, phaseOf } from './machine-state.ts';

const lasting: readonly string[] = [
  'idle',
  'awaitingModel',
  'opening',
  'round',
  'gathering',
  'judging',
  'paused',
  'finished',
  'stopped',
] satisfies Position['state'][];
const isLasting = (state: string | undefined): state is Position['state'] =>
  state !== undefined && lasting.includes(state);

const openPhases: readonly string[] = ['selecting', 'training', 'aggregating', 'committing'] satisfies OpenPhase[];
const isOpenPhase = (phase: Phase): phase is OpenPhase => openPhases.includes(phase);

/** Where the machines stand, as the next process is told; null in passing. @param isOpen the history has the open round */
export function positionOf(machines: Machines, isOpen: boolean): Position | null {
  const { value, context } = machines.coordinator;
  const { run, sinceMs, deadlineAtMs } = context;
  const state = typeof value === 'object' ? value.running : value;
  if (!run || !isLasting(state)) return null;
  const { run: _, plan, startedAtMs, ...progress } = run;
  // A round that is gone on with stands where it stood until it is open again: another crash may come before.
  if (state === 'opening' && context.resumed) return null;
  if (state !== 'round') return { state, sinceMs, deadlineAtMs, run: progress, round: null };
  const round = machines.round?.context;
  const phase = phaseOf(machines);
  if (!round || !isOpen || !isOpenPhase(phase)) return null;
  const { target, extensions, extendedByMs } = round;
  return {
    state,
    sinceMs,
    deadlineAtMs,
    run: progress,
    round: {
      ...{ phase, target, extensions, sinceMs: round.sinceMs, deadlineAtMs: round.deadlineAtMs },
      ...(extendedByMs > 0 ? { extendedByMs } : {}),
    },
  };
}

/** Whether two positions of the same run differ in nothing. */
export function isSamePlace(a: Position, b: Position | null): boolean {
  if (!b || a.state !== b.state || a.sinceMs !== b.sinceMs || a.deadlineAtMs !== b.deadlineAtMs) return false;
  if (!a.round || !b.round) return a.round === b.round;
  return (
    a.round.phase === b.round.phase &&
    a.round.target === b.round.target &&
    a.round.extensions === b.round.extensions &&
    a.round.sinceMs === b.round.sinceMs &&
    a.round.deadlineAtMs === b.round.deadlineAtMs
  );
}
