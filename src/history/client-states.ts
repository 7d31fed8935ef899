import type { ClientProfile, ClientState } from '../domain/client.ts';
import type { ClientEventType } from '../machines/client.machine.ts';
import { HistoryBroken } from './history-broken.ts';

/** Where the states of clients are kept: the registry in a server, a map in a tool that only looks. */
export interface ClientStates {
  /** `unknown` when there is no such client. */
  stateOf(clientId: string): ClientState;
  /** All that are there, in no order. */
  list(): Iterable<[clientId: string, state: Exclude<ClientState, 'unknown'>, profile: ClientProfile]>;
  /** Whether a client of this id is there, or can be added. */
  canHold(clientId: string): boolean;
  /** Puts a client back in the state that it had. */
  restore(clientId: string, state: Exclude<ClientState, 'unknown'>, profile: ClientProfile): void;
  /** Makes sure that a new client is there, in state `waiting`. */
  add(clientId: string, profile: ClientProfile): void;
  /** Notes whether a client that is there can evaluate a model. */
  setEvaluates(clientId: string, evaluates: boolean): void;
  /** Whether the client machine takes the event of this client now. */
  takes(clientId: string, event: ClientEventType): boolean;
  /** Lets something happen to a client, as the client machine says. @returns false when it refuses; then nothing has changed. */
  apply(clientId: string, event: ClientEventType): boolean;
}

/** @throws {HistoryBroken} the client machine refuses the event. */
export function mustApply(clients: ClientStates, clientId: string, event: ClientEventType): void {
  if (clients.apply(clientId, event)) return;
  throw new HistoryBroken(`Client ${clientId} is ${clients.stateOf(clientId)}: ${event} does not apply`);
}
