import type { Entry } from '../domain/facts.ts';
import { History } from './history.ts';
import { createMapStates, type MapStates } from './map-states.ts';

/** The state that facts lead to. */
export interface Replayed {
  history: History;
  clients: MapStates;
}

export function beginReplay(): Replayed {
  const clients = createMapStates();
  return { clients, history: new History(clients) };
}

/**
 * Applies fact after fact, and gives each on once it is applied: `replayed` is the state of that moment.
 * @param until the last one to be applied. @throws {HistoryBroken} a fact cannot have happened. @throws {JournalDamaged}
 */
export async function* follow(
  entries: AsyncIterable<Entry>,
  { history }: Replayed,
  until: number = Number.POSITIVE_INFINITY,
): AsyncGenerator<Entry> {
  for await (const entry of entries) {
    if (entry.seq > until) return;
    history.apply(entry);
    yield entry;
  }
}
