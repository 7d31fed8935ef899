import type { History } from '../history/history.ts';
import type { CoordinatorView } from './coordinator-machines.ts';
import type { LongPolls, Standing } from './long-polls.ts';
import type { ClientRegistry } from './registry.ts';

export interface StandingsDeps {
  registry: ClientRegistry;
  history: History;
  polls: LongPolls;
  /** What the machines last said. */
  view: () => CoordinatorView;
}

/** What each client is told it is; whose call is held hears of it when that changes. */
export class Standings {
  readonly #deps: StandingsDeps;

  constructor(deps: StandingsDeps) {
    this.#deps = deps;
  }

  of(slot: number): Standing {
    const { isOver, round, isBuffered } = this.#deps.view();
    if (isOver) return { state: 'finished', round };
    const state = this.#deps.registry.stateOf(slot);
    if (state !== 'selected' && state !== 'training') return { state: 'standby', round };
    return { state, round: isBuffered ? this.#startOf(slot, round) : round };
  }

  /** The client's state may have changed. */
  wake(slot: number): void {
    this.#deps.polls.wake(slot, () => this.#ofPresent(slot));
  }

  /** The same, if it is there. */
  wakeClient(clientId: string): void {
    const slot = this.#deps.registry.find(clientId);
    if (slot !== -1) this.wake(slot);
  }

  /** The round may have. */
  wakeAll(): void {
    this.#deps.polls.wakeAll((slot) => this.#ofPresent(slot));
  }

  #ofPresent(slot: number): Standing | null {
    return this.#deps.registry.stateOf(slot) === 'unknown' ? null : this.of(slot);
  }

  /** The round that a client takes part in is the one it began in, also when others have passed meanwhile. */
  #startOf(slot: number, round: number): number {
    const clientId = this.#deps.registry.idOf(slot);
    const { open, carried } = this.#deps.history;
    return (open?.starts.get(clientId) ?? carried.get(clientId))?.round ?? round;
  }
}
