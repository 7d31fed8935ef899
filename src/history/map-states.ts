import { type ClientCounts, type ClientProfile, type ClientState, clientStates } from '../domain/client.ts';
import type { ClientEventType } from '../machines/client.machine.ts';
import { clientTable, eventIndex, refused, stateIndex } from '../machines/client-table.ts';
import type { ClientStates } from './client-states.ts';

type PresentState = Exclude<ClientState, 'unknown'>;

/** The states of clients in a map, for a tool that only looks: by the table that the registry goes by. */
export interface MapStates extends ClientStates {
  counts(): ClientCounts;
  /** Clients that are there: every state but `doneAndInactive`. */
  readonly population: number;
  /** The clients in a state, in the order in which they were registered. */
  idsIn(state: ClientState): string[];
  /** Clients waiting that can evaluate a model. */
  readonly evaluatorsWaiting: number;
}

const { events, next } = clientTable;

export function createMapStates(): MapStates {
  const clients = new Map<string, { state: PresentState; profile: ClientProfile }>();
  const counts: ClientCounts = { waiting: 0, selected: 0, training: 0, done: 0, doneAndInactive: 0, ignored: 0 };

  const stateOf = (clientId: string): ClientState => clients.get(clientId)?.state ?? 'unknown';

  const nextOf = (clientId: string, event: ClientEventType): number =>
    next[stateIndex[stateOf(clientId)] * events.length + eventIndex[event]] ?? refused;

  function put(clientId: string, state: ClientState, profile: ClientProfile): void {
    const before = clients.get(clientId);
    if (before) counts[before.state] -= 1;
    if (state === 'unknown') clients.delete(clientId);
    else {
      counts[state] += 1;
      clients.set(clientId, { state, profile });
    }
  }

  return {
    stateOf,
    *list() {
      for (const [clientId, { state, profile }] of clients) yield [clientId, state, profile];
    },
    canHold: () => true,
    restore: put,
    add: (clientId, profile) => {
      if (!clients.has(clientId)) put(clientId, 'waiting', profile);
    },
    setEvaluates: (clientId, evaluates) => {
      const client = clients.get(clientId);
      if (!client) return;
      const { evaluates: _, ...profile } = client.profile;
      client.profile = evaluates ? { ...profile, evaluates } : profile;
    },
    takes: (clientId, event) => nextOf(clientId, event) !== refused,
    apply: (clientId, event) => {
      const to = nextOf(clientId, event);
      if (to === refused) return false;
      put(clientId, clientStates[to] ?? 'unknown', clients.get(clientId)?.profile ?? {});
      return true;
    },
    counts: () => ({ ...counts }),
    get population() {
      return clients.size - counts.doneAndInactive;
    },
    get evaluatorsWaiting() {
      return [...clients.values()].filter(({ state, profile }) => state === 'waiting' && profile.evaluates).length;
    },
    idsIn: (state) => [...clients].filter(([, client]) => client.state === state).map(([clientId]) => clientId),
  };
}
