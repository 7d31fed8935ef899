import type { Clock } from '../domain/clock.ts';
import type { Tally } from '../domain/round.ts';
import type { History } from '../history/history.ts';
import type { ClientRegistry } from './registry.ts';

/** Counts of this moment, from the registry and the history; whom the filter leaves out is not there for a round. */
export function tallyOf(registry: ClientRegistry, history: History, clock: Clock): Tally {
  const record = history.open?.record;
  return {
    ...registry.counts(),
    waiting: registry.eligibleWaiting,
    population: registry.eligiblePopulation,
    evaluatorsWaiting: registry.evaluatorsWaiting,
    contributions: record?.contributions.length ?? 0,
    ...(record?.overSelected ? { cohortWanted: record.overSelected.selected } : {}),
    atMs: clock.now(),
  };
}
