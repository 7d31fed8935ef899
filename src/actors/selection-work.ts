import type { Tally } from '../domain/round.ts';
import type { History } from '../history/history.ts';
import type { RoundLedger } from '../history/round-ledger.ts';
import type { CohortChooser } from './cohort-chooser.ts';
import type { CoordinatorMachines } from './coordinator-machines.ts';
import type { BoundedEventFeed } from './event-feed.ts';
import type { Recorder } from './recorder.ts';
import type { ClientRegistry } from './registry.ts';
import { type SelectionAnswered, startSelector } from './selector.actor.ts';
import type { Standings } from './standings.ts';

/** Ids told to subscribers of one selection; the count is told as well. */
const idsToldMax = 20;

export interface SelectionWorkDeps {
  registry: ClientRegistry;
  history: History;
  recorder: Recorder;
  feed: BoundedEventFeed;
  chooser: CohortChooser;
  machines: CoordinatorMachines;
  standings: Standings;
  tally: () => Tally;
  onCrash: (error: unknown) => void;
}

/** Asks the selector for clients, and takes of its answer those that may be taken: it is advice, and may be any. */
export class SelectionWork {
  readonly #deps: SelectionWorkDeps;
  readonly #selector: ReturnType<typeof startSelector>;
  /** Of the question that is open, or of the next. */
  #requestId = 0;
  #countWanted = 0;

  constructor(deps: SelectionWorkDeps) {
    this.#deps = deps;
    this.#selector = startSelector(
      (request) => deps.chooser.choose(request, deps.history.open?.record.kind ?? 'training'),
      (answer) => this.#answered(answer),
    );
  }

  stop(): void {
    this.#selector.stop();
  }

  ask(count: number): void {
    const { chooser, history } = this.#deps;
    this.#requestId += 1;
    this.#countWanted = count;
    const record = history.open?.record;
    if (record) this.#selector.ask(this.#requestId, chooser.requestFor(count, record));
  }

  /** The round is over: an answer that is still to come selects nobody. */
  forget(): void {
    this.#requestId += 1;
  }

  #answered(answer: SelectionAnswered): void {
    const { history, chooser, machines, tally, onCrash } = this.#deps;
    // An answer to an earlier question, or after the round is over, selects nobody.
    if (answer.requestId !== this.#requestId || !history.open) return;
    if (answer.type === 'selection.failed') {
      onCrash(answer.error);
      machines.tellRound({ type: 'selection.failed', tally: tally() });
      return;
    }
    this.#requestId += 1;
    const clientIds = this.#takeable(answer.clientIds, history.open);
    if (answer.selection) chooser.keep(history.open.record, answer.selection);
    this.#select(clientIds, history.open);
  }

  #takeable(answered: readonly unknown[], { record }: RoundLedger): string[] {
    const { registry, chooser } = this.#deps;
    const chosen = new Set<string>();
    for (const clientId of answered) {
      if (chosen.size === this.#countWanted) break;
      const slot = typeof clientId === 'string' ? registry.find(clientId) : -1;
      const isThere = slot !== -1 && registry.stateOf(slot) === 'waiting';
      if (isThere && chooser.mayTake(slot, record)) chosen.add(registry.idOf(slot));
    }
    return [...chosen];
  }

  #select(clientIds: readonly string[], { record }: RoundLedger): void {
    const { recorder, feed, machines, standings, tally } = this.#deps;
    const count = clientIds.length;
    if (count > 0) {
      const { round, attempt, kind } = record;
      recorder.note({ type: 'clients.selected', clientIds });
      feed.publish('clients.selected', { round, attempt, kind, count, clientIds: clientIds.slice(0, idsToldMax) });
    }
    machines.tellRound({ type: 'selection.made', tally: tally(), selected: count });
    for (const clientId of clientIds) standings.wakeClient(clientId);
  }
}
