import { clientStates } from '../domain/client.ts';
import type { ClientStates } from '../history/client-states.ts';
import type { ClientRegistry } from './registry.ts';

/** The registry as the history sees it: states by client id. */
export const registryStates = (registry: ClientRegistry, nowMs: () => number): ClientStates => ({
  stateOf: (clientId) => {
    const slot = registry.find(clientId);
    return slot === -1 ? 'unknown' : registry.stateOf(slot);
  },
  *list() {
    for (const state of clientStates) {
      if (state === 'unknown') continue;
      for (const slot of registry.slotsIn(state)) yield [registry.idOf(slot), state, registry.profileOf(slot)];
    }
  },
  canHold: (clientId) => registry.canHold(clientId),
  restore: (clientId, state, profile) => registry.restore(clientId, state, nowMs(), profile),
  // A client that registers now is there already: its id was made with its slot.
  add: (clientId, profile) => {
    if (registry.find(clientId) === -1) registry.restore(clientId, 'waiting', nowMs(), profile);
  },
  setEvaluates: (clientId, evaluates) => {
    const slot = registry.find(clientId);
    if (slot !== -1) registry.setEvaluates(slot, evaluates);
  },
  takes: (clientId, event) => {
    const slot = registry.find(clientId);
    return slot !== -1 && registry.takes(slot, event);
  },
  apply: (clientId, event) => {
    const slot = registry.find(clientId);
    return slot !== -1 && registry.apply(slot, event) !== null;
  },
});
