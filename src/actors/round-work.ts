import type {
  Aggregate,
  Credential,
  Recovered,
  RoundOrder,
  ServiceAnswer,
  TrainingReport,
  Verdict,
} from '../domain/aggregation.ts';
import { type Clock, steadyMs } from '../domain/clock.ts';
import { ChorusError, type ErrorCode, fromRefusal, toRefusal } from '../domain/errors.ts';
import type { ExclusionReason, TrainingTicket, TransferMarks } from '../domain/handle.ts';
import { hyperparametersOf } from '../domain/hyperparameters.ts';
import type { Metrics } from '../domain/metrics.ts';
import { isBuffered, stalenessFactor, strategyChoice } from '../domain/plan.ts';
import { isFull, kindOf, type Round, type RoundOutcome, type Tally } from '../domain/round.ts';
import { attemptOf, type Run } from '../domain/run.ts';
import type { OwnStrategies } from '../domain/strategy-choice.ts';
import type { History } from '../history/history.ts';
import { type RoundLedger, weightedMetrics } from '../history/round-ledger.ts';
import type { RoundEvent } from '../machines/round.machine.ts';
import { strategyOf } from '../strategies/of-plan.ts';
import type { AggregatorActor } from './aggregator.actor.ts';
import type { ClientTokens } from './client-tokens.ts';
import type { CohortChooser } from './cohort-chooser.ts';
import { EvaluationWork } from './evaluation-work.ts';
import type { BoundedEventFeed } from './event-feed.ts';
import type { ModelKeeper } from './model-keeper.ts';
import type { Recorder } from './recorder.ts';
import type { ClientRegistry } from './registry.ts';
import { type SelectionAnswered, startSelector } from './selector.actor.ts';

/** Times a round that is gone on with is opened, when the aggregator is lost over it. */
export const openingAttemptsMax = 3;
/** Times a sum is begun again when the aggregator is lost over it; what it needs is on the disk. */
const summingAttemptsMax = 3;

/** What the work on a round needs of the coordinator. */
export interface RoundWorkDeps {
  clock: Clock;
  registry: ClientRegistry;
  history: History;
  recorder: Recorder;
  feed: BoundedEventFeed;
  models: ModelKeeper;
  aggregator: AggregatorActor;
  tokens: ClientTokens;
  chooser: CohortChooser;
  /** Those that the server was given, beside ours. */
  strategies: OwnStrategies;
  totals: {
    roundsCommitted: number;
    roundsAbandoned: number;
    evaluations: { done: number; failed: number };
    updates: { accepted: number; discarded: number };
  };
  tally: () => Tally;
  /** The open round as its machine sees it, and the phase it is in. */
  round: () => Round | null;
  isTraining: () => boolean;
  /** Tells the round's machine. */
  tell: (fact: RoundEvent) => void;
  membershipChanged: () => void;
  countsChanged: () => void;
  wake: (slot: number) => void;
  onCrash: (error: unknown) => void;
}

/** What an order is made from: of an attempt that is to be opened, there is no deadline yet. */
type OrderBasis = Pick<Round, 'run' | 'round' | 'attempt' | 'evaluates' | 'plan'> &
  Partial<Pick<Round, 'deadlineAtMs'>>;

const isAway = (answer: ServiceAnswer<unknown>): boolean =>
  answer.kind === 'refused' && answer.code === 'AGGREGATOR_UNAVAILABLE';

/** Between two rounds of a buffered run an update waits for the next. */
const comeBackSoon: Verdict = {
  kind: 'refused',
  code: 'AGGREGATOR_UNAVAILABLE',
  detail: 'A version is being made; the update counts for the next one',
  retryAfterMs: 200,
};

const credentialOf = (
  clientId: string,
  run: string,
  { round, attempt }: { round: number; attempt: number },
  tokens: ClientTokens,
): Credential => ({
  clientId,
  round,
  attempt,
  trainingToken: tokens.trainingToken(clientId, run, round, attempt),
});

/** Carries out what the round machine decides, and tells it what happened. */
export class RoundWork {
  readonly #deps: RoundWorkDeps;
  /** What clients of an attempt were refused last. */
  readonly #refusals = new WeakMap<RoundLedger, Map<string, ErrorCode>>();
  readonly #selector: ReturnType<typeof startSelector>;
  readonly evaluations: EvaluationWork;
  #aggregate: Aggregate | null = null;
  #selectionId = 0;
  #selectionWanted = 0;

  constructor(deps: RoundWorkDeps) {
    this.#deps = deps;
    this.evaluations = new EvaluationWork(deps);
    this.#selector = startSelector(
      (request) => deps.chooser.choose(request, deps.history.open?.record.kind ?? 'training'),
      (answer) => this.#onSelection(answer),
    );
  }

  stop(): void {
    this.#selector.stop();
  }

  /** Readies the aggregator for an attempt; for one that is gone on with, with all that it had accepted. */
  async open(run: Run, resumed: Round | null, signal: AbortSignal): Promise<{ tally: Tally }> {
    const { models, aggregator, recorder, history, chooser, tally } = this.#deps;
    await models.announce();
    const next = attemptOf(run);
    const recovered = resumed ? this.#recovered() : this.#carriedOver(run);
    const order = this.#orderOf({ run: run.run, plan: run.plan, ...next });
    let opened = await aggregator.openRound(order, recovered);
    for (let again = 1; recovered && isAway(opened) && again < openingAttemptsMax; again += 1) {
      signal.throwIfAborted();
      opened = await aggregator.openRound(order, recovered);
    }
    if (opened.kind === 'refused') throw fromRefusal(opened);
    signal.throwIfAborted();
    const { round, attempt } = next;
    if (!resumed) {
      const carried = [...history.carried.keys()];
      const kind = kindOf(next);
      const base = history.current?.version ?? null;
      const overSelected = kind === 'training' ? chooser.overSelected(run) : null;
      recorder.note({ type: 'round.opened', round, attempt, base, kind, ...(overSelected && { overSelected }) });
      for (const clientId of carried) this.#wakeClient(clientId);
    }
    return { tally: tally() };
  }

  /** Asks the selector for clients. */
  askSelector(count: number): void {
    const { chooser, history } = this.#deps;
    this.#selectionId += 1;
    this.#selectionWanted = count;
    const record = history.open?.record;
    if (record) this.#selector.ask(this.#selectionId, chooser.requestFor(count, record));
  }

  #onSelection(answer: SelectionAnswered): void {
    const { registry, history, chooser, recorder, feed, tally, tell, wake, onCrash } = this.#deps;
    // An answer to an earlier question, or after the round is over, selects nobody.
    if (answer.requestId !== this.#selectionId || !history.open) return;
    if (answer.type === 'selection.failed') {
      onCrash(answer.error);
      tell({ type: 'selection.failed', tally: tally() });
      return;
    }
    this.#selectionId += 1;
    const chosen = new Set<string>();
    for (const clientId of answer.clientIds) {
      if (chosen.size === this.#selectionWanted) break;
      const slot = typeof clientId === 'string' ? registry.find(clientId) : -1;
      const isThere = slot !== -1 && registry.stateOf(slot) === 'waiting';
      if (isThere && chooser.mayTake(slot, history.open.record)) chosen.add(registry.idOf(slot));
    }
    if (answer.selection) chooser.keep(history.open.record, answer.selection);
    const clientIds = [...chosen];
    if (clientIds.length > 0) {
      const { round, attempt, kind } = history.open.record;
      recorder.note({ type: 'clients.selected', clientIds });
      const count = clientIds.length;
      feed.publish('clients.selected', { round, attempt, kind, count, clientIds: clientIds.slice(0, 20) });
    }
    tell({ type: 'selection.made', tally: tally(), selected: clientIds.length });
    for (const clientId of clientIds) wake(registry.find(clientId));
  }

  /** Tells the aggregator, then the client; asked again, the same token. @throws CLIENT_NOT_SELECTED, … */
  async startTraining(slot: number, clientId: string): Promise<Omit<TrainingTicket, 'aggregatorUrl'>> {
    const { registry, history, recorder, aggregator, tokens, models, strategies } = this.#deps;
    const ledger = history.open;
    const round = this.#deps.round();
    const before = registry.stateOf(slot);
    const notSelected = () =>
      new ChorusError('CLIENT_NOT_SELECTED', `Client ${clientId} is ${registry.stateOf(slot)}, not selected`);
    if (!ledger || !round || !this.#deps.isTraining() || (before !== 'selected' && before !== 'training')) {
      throw notSelected();
    }
    const { run, round: number, attempt, plan, evaluates } = round;
    const start = ledger.starts.get(clientId) ?? { round: number, attempt };
    if (before === 'selected') {
      recorder.must({ type: 'training.started', clientId });
      this.#deps.wake(slot);
      this.#deps.countsChanged();
    }
    const trainingToken = tokens.trainingToken(clientId, run, start.round, start.attempt);
    // Who began in an earlier round was admitted when this one was opened.
    if (start.round === number) {
      const answer = await aggregator.admit({
        ...{ clientId, round: number, attempt, trainingToken },
        ...(ledger.readmitted.has(clientId) ? { isReadmitted: true } : {}),
      });
      if (answer.kind === 'refused') throw fromRefusal(answer);
    }
    // While the aggregator was told, the round may have ended or the client may have been lost.
    if (history.open !== ledger || registry.find(clientId) !== slot || registry.stateOf(slot) !== 'training') {
      throw notSelected();
    }
    return {
      run,
      round: start.round,
      task: evaluates === null ? 'train' : 'evaluate',
      trainingToken,
      modelVersion: models.current?.version ?? null,
      hyperparameters: {
        ...hyperparametersOf(plan, number),
        ...strategyOf(strategyChoice(plan, strategies)).hyperparameters,
      },
      deadlineAtMs: this.#deps.round()?.deadlineAtMs ?? round.deadlineAtMs,
    };
  }

  /** The aggregator reports how a training ended. The client is settled before this returns. */
  endTraining({ clientId, round, attempt, outcome, marks }: TrainingReport): Verdict | Promise<Verdict> {
    const { clock, registry, history, recorder, feed, totals, tally, tell, wake, membershipChanged } = this.#deps;
    const ledger = history.open;
    const start = ledger ? ledger.starts.get(clientId) : history.carried.get(clientId);
    const isItsStart = start?.round === round && start.attempt === attempt;
    if (!ledger || !isItsStart || ledger.evaluates !== null || !this.#deps.isTraining()) {
      const { run } = history;
      // It trains on while a version is made of others' contributions, and counts for the next.
      if (isItsStart && run && isBuffered(run.plan) && this.#isTrainingStill(clientId)) return comeBackSoon;
      return this.#discard(clientId, round, `Round ${round} takes no more updates`);
    }
    const slot = registry.find(clientId);
    if (slot === -1 || registry.stateOf(slot) !== 'training') {
      return this.#discard(clientId, round, `Client ${clientId} is not in training`);
    }
    const steps = marks ? { marks } : {};
    if (outcome.kind === 'valid') {
      const { receipt, metrics, staged } = outcome;
      const staleness = ledger.record.round - start.round;
      const age = staleness === 0 ? {} : { staleness };
      try {
        recorder.must({ type: 'update.accepted', receipt, metrics, staged, ...age, ...steps });
      } catch (error) {
        return toRefusal(error);
      }
      totals.updates.accepted += 1;
      feed.publish('update.accepted', { ...receipt, ...age, metrics });
      registry.touch(slot, Math.max(steadyMs(clock), registry.seenUntilMs(slot)));
      wake(slot);
      const weightFactor = history.run ? stalenessFactor(history.run.plan, staleness) : 1;
      tell({ type: 'update.accepted', tally: tally() });
      return this.#accepted(weightFactor);
    }
    try {
      this.#fail(slot, clientId, { code: outcome.code, ...steps });
    } catch (error) {
      return toRefusal(error);
    }
    registry.touch(slot, Math.max(steadyMs(clock), registry.seenUntilMs(slot)));
    membershipChanged();
    return { kind: 'discarded', detail: 'Its uploads were refused' };
  }

  /** The aggregator has refused an upload; the client may send another. */
  noteRefusal({ clientId, code }: { clientId: string; code: ErrorCode }): void {
    const { open } = this.#deps.history;
    if (!open) return;
    const refusals = this.#refusals.get(open) ?? new Map<string, ErrorCode>();
    this.#refusals.set(open, refusals.set(clientId, code));
  }

  /** A client gets out of a round by registering again. One whose upload was refused does so for that, and the record says it. */
  giveUpRefused(slot: number): void {
    const { history, registry, aggregator } = this.#deps;
    const clientId = registry.idOf(slot);
    const code = history.open && this.#refusals.get(history.open)?.get(clientId);
    if (!code || registry.stateOf(slot) !== 'training') return;
    this.#fail(slot, clientId, { code });
    void aggregator.revoke(clientId);
  }

  #fail(slot: number, clientId: string, why: { code: ErrorCode; marks?: TransferMarks }): void {
    const { history, recorder, feed, wake } = this.#deps;
    const round = history.open?.record.round;
    recorder.note({ type: 'training.failed', clientId, ...why });
    feed.publish('client.excluded', { clientId, round, reason: 'uploadsRefused', code: why.code });
    wake(slot);
  }

  async #accepted(weightFactor: number): Promise<Verdict> {
    await this.#deps.recorder.settled();
    return { kind: 'accepted', weightFactor };
  }

  #isTrainingStill(clientId: string): boolean {
    const slot = this.#deps.registry.find(clientId);
    return slot !== -1 && this.#deps.registry.stateOf(slot) === 'training';
  }

  #wakeClient(clientId: string): void {
    const slot = this.#deps.registry.find(clientId);
    if (slot !== -1) this.#deps.wake(slot);
  }

  #discard(clientId: string, round: number, detail: string): Verdict {
    this.#deps.totals.updates.discarded += 1;
    this.#deps.feed.publish('update.discarded', { clientId, round, detail });
    return { kind: 'discarded', detail };
  }

  /** The round takes no more updates: whoever is still open is out of it. */
  dismissStragglers(round: Round): void {
    const { registry, recorder, wake } = this.#deps;
    const open = [...registry.slotsIn('selected'), ...registry.slotsIn('training')];
    if (open.length === 0 || isBuffered(round.plan)) return;
    const reason: ExclusionReason & ('notNeeded' | 'straggler') = isFull(round) ? 'notNeeded' : 'straggler';
    recorder.note({ type: 'clients.dismissed', reason });
    for (const slot of open) wake(slot);
  }

  /** Has the contributions summed; those of an evaluation are metrics only. */
  async close(round: Round): Promise<{ atMs: number; metrics: Metrics }> {
    const { aggregator, history, clock } = this.#deps;
    const accepted = history.open?.record.contributions ?? [];
    const metrics = weightedMetrics(accepted);
    if (round.evaluates !== null) return { atMs: clock.now(), metrics };
    const contributions = accepted.map(({ clientId }) => clientId);
    for (let attempt = 1; ; attempt += 1) {
      const answer = await aggregator.closeRound({ round: round.round, attempt: round.attempt, contributions });
      if (answer.kind === 'ok') {
        this.#aggregate = answer.value;
        return { atMs: clock.now(), metrics };
      }
      const canBeSummedAgain = isAway(answer) && history.open?.staged != null;
      if (!canBeSummedAgain || attempt === summingAttemptsMax) throw fromRefusal(answer);
      const opened = await aggregator.openRound(this.#orderOf(round), this.#recovered());
      if (opened.kind === 'refused' && !isAway(opened)) throw fromRefusal(opened);
    }
  }

  /** Makes the aggregate the next model: from one moment to the next, or not at all. */
  async commit({ run, round }: Round, signal: AbortSignal): Promise<{ modelVersion: number; metrics: Metrics }> {
    const { clock, history, recorder, models } = this.#deps;
    const record = history.open?.record;
    const aggregate = this.#aggregate;
    if (!record || !aggregate) throw new Error('Nothing to commit');
    await models.store(aggregate);
    signal.throwIfAborted();
    const { contributions, numExamples } = record;
    const model = models.next(aggregate, {
      run,
      round,
      createdAtMs: clock.now(),
      contributions: contributions.length,
      numExamples,
      metrics: weightedMetrics(contributions),
    });
    const members = aggregate.members ? { members: aggregate.members } : {};
    const traffic = aggregate.traffic ? { traffic: aggregate.traffic } : {};
    const transfers = aggregate.transfers?.length ? { transfers: aggregate.transfers } : {};
    const told = recorder.durability === 'round' ? record : null;
    recorder.commit({ type: 'round.committed', model, record: told, ...members, ...traffic, ...transfers });
    // At once, also after the last round, so that nobody is served an older model. If it fails, the next round says so.
    models.announce().catch(() => undefined);
    void this.#deps.aggregator.releaseUpdates();
    return { modelVersion: model.version, metrics: model.metrics };
  }

  /** Whatever way a round was left: it is recorded, and its clients are given back to the population. */
  settle(outcome: RoundOutcome): void {
    const { history, chooser, recorder, feed, totals, aggregator, membershipChanged } = this.#deps;
    this.#aggregate = null;
    this.#selectionId += 1;
    if (outcome.kind === 'committed') totals.roundsCommitted += 1;
    else if (outcome.kind === 'evaluated') this.evaluations.settle(outcome.modelVersion);
    else if (history.open) {
      const { kind } = history.open.record;
      recorder.note({ type: 'round.abandoned', reason: outcome.reason, detail: outcome.detail });
      recorder.onceWritten(() => void aggregator.abandonRound());
      if (kind === 'training') totals.roundsAbandoned += 1;
      else totals.evaluations.failed += 1;
    } else {
      this.evaluations.miss('clients', outcome.detail);
      return;
    }
    const record = history.rounds.at(-1);
    if (!record) return;
    chooser.learn(record);
    const { run, round, attempt, kind, contributions, exclusions, metrics, modelVersion, reason } = record;
    feed.publish(`round.${outcome.kind}`, {
      run,
      round,
      attempt,
      kind,
      modelVersion,
      reason,
      contributions: contributions.length,
      exclusions: exclusions.length,
      metrics,
    });
    membershipChanged();
  }

  #orderOf({ run, round, attempt, evaluates, plan, deadlineAtMs = 0 }: OrderBasis): RoundOrder {
    return {
      run,
      round,
      attempt,
      kind: kindOf({ evaluates }),
      deadlineAtMs,
      uploadAttemptsMax: plan.uploadAttemptsMax,
      downloadsMax: plan.downloadsMax,
      payloadBytesMax: plan.payloadBytesMax,
      numExamplesMax: plan.numExamplesMax,
      updateNormMax: plan.updateNormMax,
      updateKind: plan.updateKind,
      aggregationWindowMs: plan.aggregationWindowMs,
      strategy: strategyChoice(plan, this.#deps.strategies),
      keepsClients: isBuffered(plan),
      modelVersion: this.#deps.models.current?.version ?? null,
    };
  }

  /** What the open attempt has: who is at work, and what was accepted. */
  #recovered(): Recovered | null {
    const { history, registry, tokens } = this.#deps;
    const ledger = history.open;
    if (!ledger) return null;
    const { run, round, attempt, cohort, contributions } = ledger.record;
    const accepted = new Set(contributions.map(({ clientId }) => clientId));
    const isIn = (clientId: string) => {
      const slot = registry.find(clientId);
      return accepted.has(clientId) || (slot !== -1 && registry.stateOf(slot) === 'training');
    };
    return {
      credentials: cohort
        .filter(isIn)
        .map((clientId) => credentialOf(clientId, run, ledger.starts.get(clientId) ?? { round, attempt }, tokens)),
      contributions: this.stagedContributions() ?? [],
    };
  }

  /** Accepted updates of the open round, as far as a new life of the aggregator can be given them back; null: it cannot. */
  stagedContributions(): Recovered['contributions'] | null {
    const { open, run } = this.#deps.history;
    if (!open || !run) return null;
    const staged = open.staged?.map(({ staleness, ...rest }) => ({
      ...rest,
      weightFactor: stalenessFactor(run.plan, staleness),
    }));
    return staged ?? null;
  }

  /** Who went on training from the last round, and may upload in this one. */
  #carriedOver({ run, round, plan }: Run): Recovered | null {
    const { history, tokens } = this.#deps;
    const credentials: Credential[] = [];
    for (const [clientId, start] of history.carried) {
      const isIn = start && round - start.round <= plan.stalenessMax && this.#isTrainingStill(clientId);
      if (isIn) credentials.push(credentialOf(clientId, run, start, tokens));
    }
    return credentials.length > 0 ? { credentials, contributions: [] } : null;
  }
}
