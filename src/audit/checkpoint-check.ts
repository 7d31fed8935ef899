import { isDeepStrictEqual } from 'node:util';
import type { Checkpoint } from '../domain/facts.ts';
import type { History } from '../history/history.ts';

/** What a checkpoint says that the facts before it say as well, whatever the durability. */
const shared = ({ clients, run, position, open, models, current, starts, audit = [] }: Checkpoint) => ({
  clients: clients.toSorted(([a], [b]) => (a < b ? -1 : 1)),
  run,
  position,
  open,
  models,
  current,
  starts,
  audit,
});

/**
 * A restart begins with the last checkpoint, so it must say what the facts before it come to.
 * @returns the first thing that it says otherwise, or null.
 */
export function checkpointProblem(history: History, checkpoint: Checkpoint): string | null {
  // As it would be written.
  const expected = shared(JSON.parse(JSON.stringify(history.checkpoint())) as Checkpoint);
  const found = shared(checkpoint);
  for (const [name, value] of Object.entries(expected)) {
    if (!isDeepStrictEqual(found[name as keyof typeof found], value)) return name;
  }
  return null;
}
