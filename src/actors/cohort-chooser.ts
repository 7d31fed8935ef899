import { clientStates } from '../domain/client.ts';
import type { Plan } from '../domain/plan.ts';
import type { RandomStream } from '../domain/random.ts';
import type { RoundKind } from '../domain/round.ts';
import type { OverSelected, RoundRecord } from '../domain/round-record.ts';
import { type Reason, reasonSentence, type SelectionExplanation } from '../domain/selection-reason.ts';
import type { History } from '../history/history.ts';
import { choosePolicy } from '../selection/choose-policy.ts';
import { type ClientFilter, valuesRead } from '../selection/filter.ts';
import { ClientHistory } from '../selection/history.ts';
import { adaptOverSelection } from '../selection/over-selection.ts';
import { filterOf } from '../selection/plan-filter.ts';
import type { Selection } from '../selection/policy.ts';
import { RoundLessons } from '../selection/round-lessons.ts';
import { uniform } from '../selection/uniform.ts';
import { KeptSelections } from './kept-selections.ts';
import type { ClientRegistry } from './registry.ts';
import type { Candidates, SelectionPolicy, SelectionRequest } from './selector.actor.ts';

export interface ChooserDeps {
  registry: ClientRegistry;
  history: History;
  random: RandomStream;
  /** Chooses instead of what the plan says; null: the plan says. */
  policy: SelectionPolicy | null;
  /** Told of a filter that an earlier process could read. */
  onCrash: (error: unknown) => void;
}

/** What an attempt is told by. */
type Attempted = Pick<RoundRecord, 'round' | 'attempt' | 'kind'>;

/** Policies that go by what is known of each client; for the others nothing is kept of each. */
const learning: readonly Plan['selection'][] = ['weighted', 'round-robin', 'oort'];

/**
 * Whom a run may select, how it chooses among them, what it learns from their work, and why it chose as it did. Reads
 * the registry and writes nothing to it but whom the filter lets through. All that the plan says of selection is about
 * training: an evaluation asks those that can evaluate, each alike.
 */
export class CohortChooser {
  readonly #deps: ChooserDeps;
  readonly #kept = new KeptSelections();
  #lossMetric: string | null = null;
  #knowsEach = false;
  #learnt = new ClientHistory();
  #lessons = new RoundLessons(this.#learnt, () => -1);
  #filter: ClientFilter | null = null;
  #policy: SelectionPolicy;

  constructor(deps: ChooserDeps) {
    this.#deps = deps;
    this.#policy = deps.policy ?? uniform;
  }

  /**
   * A run begins, or is gone on with; what is not known yet is learnt from the attempts that the history has. Who is
   * eligible is known when the registry has tested everyone.
   */
  begin(plan: Plan): void {
    this.#policy = this.#deps.policy ?? choosePolicy(plan);
    this.#kept.clear();
    this.#setFilter(plan);
    const goesByEach = this.#deps.policy !== null || learning.includes(plan.selection);
    const isKnown = plan.utilityMetric === this.#lossMetric && (this.#knowsEach || !goesByEach);
    if (!isKnown) this.#learnAnew(plan.utilityMetric, goesByEach);
  }

  /** A new client has this slot. */
  registered(slot: number): void {
    this.#learnt.registered(slot);
  }

  /** An attempt is over. */
  learn(record: RoundRecord): void {
    if (record.kind === 'training') this.#lessons.learn(record);
  }

  choose(request: SelectionRequest, kind: RoundKind): ReturnType<SelectionPolicy> {
    // A policy that favours some would show the model as good as it is for them.
    return (kind === 'training' ? this.#policy : uniform)(request);
  }

  requestFor(count: number, { round, kind }: Attempted): SelectionRequest {
    const candidates = kind === 'training' ? this.#trainers() : this.#evaluators();
    return { count, round, random: this.#deps.random, history: this.#learnt, candidates };
  }

  /** Whether an attempt may take the client, which waits. */
  mayTake(slot: number, { kind }: Attempted): boolean {
    const { registry } = this.#deps;
    return kind === 'training' ? registry.isEligible(slot) : registry.canEvaluate(slot);
  }

  /**
   * How many an attempt that opens now is to select, when its plan leaves that to what past rounds say. What they say is
   * not waited for in vain: not more than are there. Before they say something, those who come are still coming.
   */
  overSelected({ plan }: { plan: Plan }): OverSelected | null {
    const { cohortSize, overSelectionAdaptive } = plan;
    if (!overSelectionAdaptive || cohortSize === null) return null;
    const { selected, summary, reportingShare } = adaptOverSelection(this.#learnt.reportingTimes, {
      cohortSize,
      trainingWindowMs: plan.trainingWindowMs,
      confidence: plan.overSelectionConfidence,
      factorMax: plan.overSelectionMax,
      factorAtFirst: plan.overSelection,
    });
    if (reportingShare === null) return { selected, summary };
    const there = Math.max(cohortSize, this.#deps.registry.eligiblePopulation);
    return there < selected ? { selected: there, summary: `${summary}; ${there} are there` } : { selected, summary };
  }

  /** Keeps why a cohort was chosen; of an evaluation there is nothing to say. */
  keep(record: Attempted, selection: Selection): void {
    if (record.kind === 'training') this.#kept.keep(record, selection);
  }

  /**
   * Why a client is in the cohort of an attempt to train, of the current run, or is not.
   * @param clientId of a registered client, or of one in the cohort.
   */
  explain(record: RoundRecord, clientId: string): SelectionExplanation {
    const reason = record.cohort.includes(clientId) ? this.#whyIn(record, clientId) : this.#whyNot(record, clientId);
    return { clientId, round: record.round, chosen: reason.chosen, reason, sentence: reasonSentence(reason) };
  }

  /** What was chosen is advice: the cohort says who was taken. */
  #whyIn(record: RoundRecord, clientId: string): Reason {
    for (const selection of this.#kept.of(record)) {
      const reason = selection.explain(clientId);
      if (reason.chosen) return reason;
    }
    return this.#wentOn(record, clientId) ? { kind: 'wentOn', chosen: true } : { kind: 'notKept', chosen: true };
  }

  /** Whether it was in the attempt before, which was committed while it trained on. */
  #wentOn(record: RoundRecord, clientId: string): boolean {
    const { rounds } = this.#deps.history;
    const before = rounds[(rounds.includes(record) ? rounds.indexOf(record) : rounds.length) - 1];
    if (before?.run !== record.run || before.phase !== 'committed') return false;
    const isIts = (one: { clientId: string }) => one.clientId === clientId;
    return before.cohort.includes(clientId) && !before.contributions.some(isIts) && !before.exclusions.some(isIts);
  }

  #whyNot(record: RoundRecord, clientId: string): Reason {
    const { registry } = this.#deps;
    const filter = this.#filter;
    const profile = registry.profileOf(registry.find(clientId));
    if (filter && !filter.test(profile)) {
      return { kind: 'filteredOut', chosen: false, filter: filter.text, values: valuesRead(filter, profile) };
    }
    const selections = this.#kept.of(record);
    if (selections.length === 0) {
      const isBefore = record.phase === 'selecting' && record.cohort.length === 0;
      return isBefore ? { kind: 'notYet', chosen: false } : { kind: 'notKept', chosen: false };
    }
    // The first is that of the whole cohort; those after it replaced a few.
    for (const selection of selections) {
      const reason = selection.explain(clientId);
      if (!reason.chosen && reason.kind !== 'notThere') return reason;
    }
    return { kind: 'notThere', chosen: false };
  }

  #trainers(): Candidates {
    const { registry } = this.#deps;
    return this.#view({
      count: () => registry.eligibleWaiting,
      slots: () => registry.eligibleSlots(),
      sampleSlots: (size, random) => registry.sampleEligible(size, random),
    });
  }

  #evaluators(): Candidates {
    const { registry } = this.#deps;
    return this.#view({
      count: () => registry.evaluatorsWaiting,
      slots: () => registry.evaluatorSlots(),
      sampleSlots: (size, random) => registry.sampleEvaluators(size, random),
    });
  }

  #view({
    count,
    slots,
    sampleSlots,
  }: Pick<Candidates, 'slots' | 'sampleSlots'> & { count: () => number }): Candidates {
    const { registry } = this.#deps;
    const idOf = (slot: number) => registry.idOf(slot);
    return {
      // Of now, like the rest.
      get count() {
        return count();
      },
      find: (clientId) => registry.find(clientId),
      idOf,
      profileOf: (slot) => registry.profileOf(slot),
      slots,
      sampleSlots,
      sample: (size, random) => sampleSlots(size, random).map(idOf),
    };
  }

  #setFilter(plan: Plan): void {
    const filter = filterOf(plan);
    if (filter !== null && 'problem' in filter) {
      // Plans are checked before they begin, so an earlier process took it: rather nobody than everybody.
      this.#deps.onCrash(new Error(filter.problem));
      this.#filter = { text: plan.selectionFilter ?? '', reads: [], test: () => false };
    } else this.#filter = filter;
    const { registry } = this.#deps;
    const current = this.#filter;
    registry.setFilter(current && ((profile) => current.test(profile)));
  }

  #learnAnew(lossMetric: string, knowsEach: boolean): void {
    const { registry, history } = this.#deps;
    this.#lossMetric = lossMetric;
    this.#knowsEach = knowsEach;
    this.#learnt = new ClientHistory(lossMetric);
    this.#lessons = new RoundLessons(this.#learnt, (clientId) => (knowsEach ? registry.find(clientId) : -1));
    for (const state of clientStates) {
      if (state === 'unknown') continue;
      for (const slot of registry.slotsIn(state)) this.#learnt.registered(slot);
    }
    for (const record of history.rounds) this.learn(record);
  }
}
