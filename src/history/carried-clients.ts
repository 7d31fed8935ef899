import type { TrainingStart } from '../domain/facts.ts';
import { type ClientStates, mustApply } from './client-states.ts';
import type { RoundLedger } from './round-ledger.ts';

/**
 * Clients of a buffered run that go on training when an attempt is committed, and are in none until the next one opens.
 */
export class CarriedClients {
  readonly #clients: ClientStates;
  /** With where they began; null: not yet. */
  readonly #starts = new Map<string, TrainingStart | null>();

  constructor(clients: ClientStates) {
    this.#clients = clients;
  }

  get starts(): ReadonlyMap<string, TrainingStart | null> {
    return this.#starts;
  }

  add(clientId: string, start: TrainingStart | null): void {
    this.#starts.set(clientId, start);
  }

  /** They are the first of a new attempt's cohort, but for those whose model is too old. */
  enter(ledger: RoundLedger, stalenessMax: number, atMs: number): void {
    const { round } = ledger.record;
    for (const [clientId, start] of this.#starts) {
      const state = this.#clients.stateOf(clientId);
      if (state !== 'selected' && state !== 'training') continue;
      ledger.select([clientId], atMs);
      if (start && round - start.round > stalenessMax) {
        mustApply(this.#clients, clientId, 'trainingDeadlinePassed');
        ledger.exclude(clientId, 'stale', atMs);
      } else if (start) ledger.starts.set(clientId, start);
    }
    this.#starts.clear();
  }

  /** No attempt comes: they are given back to the population. */
  letGo(): void {
    for (const clientId of this.#starts.keys()) this.#clients.apply(clientId, 'roundEnded');
    this.#starts.clear();
  }
}
