import type { Aggregate, ServiceAnswer } from '../domain/aggregation.ts';
import type { Clock } from '../domain/clock.ts';
import { fromRefusal } from '../domain/errors.ts';
import type { Metrics } from '../domain/metrics.ts';
import { isBuffered } from '../domain/plan.ts';
import { isFull, kindOf, type Round, type RoundOutcome, type Tally } from '../domain/round.ts';
import { attemptOf, type Run } from '../domain/run.ts';
import type { OwnStrategies } from '../domain/strategy-choice.ts';
import type { History } from '../history/history.ts';
import { weightedMetrics } from '../history/round-ledger.ts';
import type { AggregatorActor } from './aggregator.actor.ts';
import type { ClientTokens } from './client-tokens.ts';
import type { CohortChooser } from './cohort-chooser.ts';
import type { EvaluationWork } from './evaluation-work.ts';
import type { BoundedEventFeed } from './event-feed.ts';
import type { Membership } from './membership.ts';
import type { ModelKeeper } from './model-keeper.ts';
import type { Recorder } from './recorder.ts';
import type { ClientRegistry } from './registry.ts';
import { carriedOver, orderOf, recoveredOf } from './round-order.ts';
import type { SelectionWork } from './selection-work.ts';
import type { Standings } from './standings.ts';
import type { Totals } from './totals.ts';

/** Times a round that is gone on with is opened, when the aggregator is lost over it. */
export const openingAttemptsMax = 3;
/** Times a sum is begun again when the aggregator is lost over it; what it needs is on the disk. */
const summingAttemptsMax = 3;

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
  totals: Totals;
  membership: Membership;
  standings: Standings;
  selections: SelectionWork;
  evaluations: EvaluationWork;
  tally: () => Tally;
}

const isAway = (answer: ServiceAnswer<unknown>): boolean =>
  answer.kind === 'refused' && answer.code === 'AGGREGATOR_UNAVAILABLE';

/** An attempt at a round as a whole: it is opened, closed, committed and settled, as its machine decides. */
export class RoundWork {
  readonly #deps: RoundWorkDeps;
  #aggregate: Aggregate | null = null;

  constructor(deps: RoundWorkDeps) {
    this.#deps = deps;
  }

  /** Readies the aggregator for an attempt; for one that is gone on with, with all that it had accepted. */
  async open(run: Run, resumed: Round | null, signal: AbortSignal): Promise<{ tally: Tally }> {
    const { models, aggregator, recorder, history, chooser, standings, tally } = this.#deps;
    await models.announce();
    const next = attemptOf(run);
    const recovered = resumed ? recoveredOf(this.#deps) : carriedOver(run, this.#deps);
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
      for (const clientId of carried) standings.wakeClient(clientId);
    }
    return { tally: tally() };
  }

  /** The round takes no more updates: whoever is still open is out of it. */
  dismissStragglers(round: Round): void {
    const { registry, recorder, standings } = this.#deps;
    const open = [...registry.slotsIn('selected'), ...registry.slotsIn('training')];
    if (open.length === 0 || isBuffered(round.plan)) return;
    recorder.note({ type: 'clients.dismissed', reason: isFull(round) ? 'notNeeded' : 'straggler' });
    for (const slot of open) standings.wake(slot);
  }

  /**
   * Has the contributions summed; those of an evaluation are metrics only.
   * @param signal aborted when the attempt is over: an answer may come when another is open, which must be left alone.
   */
  async close(round: Round, signal: AbortSignal): Promise<{ atMs: number; metrics: Metrics }> {
    const { aggregator, history, clock } = this.#deps;
    const accepted = history.open?.record.contributions ?? [];
    const metrics = weightedMetrics(accepted);
    if (round.evaluates !== null) return { atMs: clock.now(), metrics };
    const contributions = accepted.map(({ clientId }) => clientId);
    for (let attempt = 1; ; attempt += 1) {
      const answer = await aggregator.closeRound({ round: round.round, attempt: round.attempt, contributions });
      signal.throwIfAborted();
      if (answer.kind === 'ok') {
        this.#aggregate = answer.value;
        return { atMs: clock.now(), metrics };
      }
      const canBeSummedAgain = isAway(answer) && history.open?.staged != null;
      if (!canBeSummedAgain || attempt === summingAttemptsMax) throw fromRefusal(answer);
      const opened = await aggregator.openRound(this.#orderOf(round), recoveredOf(this.#deps));
      signal.throwIfAborted();
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
    const { history, chooser, recorder, feed, totals, aggregator, membership, selections, evaluations } = this.#deps;
    this.#aggregate = null;
    selections.forget();
    if (outcome.kind === 'committed') totals.roundsCommitted += 1;
    else if (outcome.kind === 'evaluated') evaluations.settle(outcome.modelVersion);
    else if (history.open) {
      const { kind } = history.open.record;
      recorder.note({ type: 'round.abandoned', reason: outcome.reason, detail: outcome.detail });
      // The disk forgets its updates, which a later process would look for if it did not know that the attempt is over.
      recorder.onceSynced(() => void aggregator.abandonRound());
      if (kind === 'training') totals.roundsAbandoned += 1;
      else totals.evaluations.failed += 1;
    } else {
      evaluations.miss('clients', outcome.detail);
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
    membership.changed();
  }

  #orderOf(basis: Parameters<typeof orderOf>[0]) {
    const { models, strategies } = this.#deps;
    return orderOf(basis, strategies, models.current?.version ?? null);
  }
}
