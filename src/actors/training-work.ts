import type { Credential, Held, TrainingReport, Verdict } from '../domain/aggregation.ts';
import { type Clock, steadyMs } from '../domain/clock.ts';
import { ChorusError, type ErrorCode, fromRefusal, type Refusal, toRefusal } from '../domain/errors.ts';
import { hyperparametersOf } from '../domain/hyperparameters.ts';
import type { TrainingTicket } from '../domain/participation.ts';
import { isBuffered, stalenessFactor, strategyChoice } from '../domain/plan.ts';
import type { Tally } from '../domain/round.ts';
import type { TransferMarks } from '../domain/round-record.ts';
import type { OwnStrategies } from '../domain/strategy-choice.ts';
import type { History } from '../history/history.ts';
import type { RoundLedger } from '../history/round-ledger.ts';
import { memoryLacking } from '../strategies/memory-need.ts';
import { strategyOf } from '../strategies/of-plan.ts';
import type { AggregatorActor } from './aggregator.actor.ts';
import type { ClientTokens } from './client-tokens.ts';
import type { CoordinatorMachines } from './coordinator-machines.ts';
import type { BoundedEventFeed } from './event-feed.ts';
import type { Membership } from './membership.ts';
import type { ModelKeeper } from './model-keeper.ts';
import type { Recorder } from './recorder.ts';
import type { ClientRegistry } from './registry.ts';
import { isTraining, orderOf } from './round-order.ts';
import type { Standings } from './standings.ts';
import type { Totals } from './totals.ts';

export interface TrainingWorkDeps {
  clock: Clock;
  registry: ClientRegistry;
  history: History;
  recorder: Recorder;
  feed: BoundedEventFeed;
  models: ModelKeeper;
  aggregator: AggregatorActor;
  tokens: ClientTokens;
  /** Those that the server was given, beside ours. */
  strategies: OwnStrategies;
  totals: Totals;
  machines: CoordinatorMachines;
  membership: Membership;
  standings: Standings;
  tally: () => Tally;
}

type ValidOutcome = TrainingReport['outcome'] & { kind: 'valid' };

/** Between two rounds of a buffered run an update waits for the next. */
const comeBackSoon: Refusal = {
  kind: 'refused',
  code: 'AGGREGATOR_UNAVAILABLE',
  detail: 'A version is being made; the update counts for the next one',
  retryAfterMs: 200,
};

/** A client's part in a round: it starts training, and its training ends, well or not. */
export class TrainingWork {
  readonly #deps: TrainingWorkDeps;
  /** What clients of an attempt were refused last. */
  readonly #refusals = new WeakMap<RoundLedger, Map<string, ErrorCode>>();

  constructor(deps: TrainingWorkDeps) {
    this.#deps = deps;
  }

  /** Tells the aggregator, then the client; asked again, the same token. @throws CLIENT_NOT_SELECTED, … */
  async start(slot: number, clientId: string): Promise<Omit<TrainingTicket, 'aggregatorUrl'>> {
    const { registry, history, recorder, tokens, models, strategies, machines, standings, membership } = this.#deps;
    const ledger = history.open;
    const { round, phase } = machines;
    const before = registry.stateOf(slot);
    const notSelected = () =>
      this.#trainsOn(clientId)
        ? fromRefusal(comeBackSoon)
        : new ChorusError('CLIENT_NOT_SELECTED', `Client ${clientId} is ${registry.stateOf(slot)}, not selected`);
    if (!ledger || !round || phase !== 'training' || (before !== 'selected' && before !== 'training')) {
      throw notSelected();
    }
    const { run, round: number, attempt, plan, evaluates } = round;
    const start = ledger.starts.get(clientId) ?? { round: number, attempt };
    if (before === 'selected') {
      recorder.must({ type: 'training.started', clientId });
      standings.wake(slot);
      membership.countsChanged();
    }
    const trainingToken = tokens.trainingToken(clientId, run, start.round, start.attempt);
    // Who began in an earlier round was admitted when this one was opened.
    if (start.round === number) await this.#admit({ clientId, round: number, attempt, trainingToken }, ledger);
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
      deadlineAtMs: machines.round?.deadlineAtMs ?? round.deadlineAtMs,
    };
  }

  /** In a buffered run it trains on while a version is made of others' contributions, and counts for the next. */
  #trainsOn(clientId: string): boolean {
    const { history, registry } = this.#deps;
    return history.run !== null && isBuffered(history.run.plan) && isTraining(clientId, registry);
  }

  async #admit(credential: Credential, { readmitted }: RoundLedger): Promise<void> {
    const answer = await this.#deps.aggregator.admit({
      ...credential,
      ...(readmitted.has(credential.clientId) ? { isReadmitted: true } : {}),
    });
    if (answer.kind === 'refused') throw fromRefusal(answer);
  }

  /** The aggregator reports how a training ended. The client is settled before this returns. */
  end(report: TrainingReport): Verdict | Promise<Verdict> {
    const { registry, history, machines } = this.#deps;
    const { clientId, round, attempt, outcome } = report;
    const ledger = history.open;
    const start = ledger ? ledger.starts.get(clientId) : history.carried.get(clientId);
    const isItsStart = start?.round === round && start.attempt === attempt;
    if (!ledger || !isItsStart || ledger.evaluates !== null || machines.phase !== 'training') {
      if (isItsStart && this.#trainsOn(clientId)) return comeBackSoon;
      return this.#discard(clientId, round, `Round ${round} takes no more updates`);
    }
    const slot = registry.find(clientId);
    if (slot === -1 || registry.stateOf(slot) !== 'training') {
      return this.#discard(clientId, round, `Client ${clientId} is not in training`);
    }
    const steps = report.marks ? { marks: report.marks } : {};
    return outcome.kind === 'valid'
      ? this.#accept(slot, outcome, ledger.record.round - round, steps)
      : this.#giveUp(slot, clientId, { code: outcome.code, ...steps });
  }

  /** @param staleness versions made since the client began */
  #accept(
    slot: number,
    { receipt, metrics, staged, held }: ValidOutcome,
    staleness: number,
    steps: { marks?: TransferMarks },
  ): Verdict | Promise<Verdict> {
    const { clock, registry, history, recorder, feed, totals, machines, standings, tally } = this.#deps;
    const age = staleness === 0 ? {} : { staleness };
    try {
      recorder.must({ type: 'update.accepted', receipt, metrics, staged, ...age, ...steps });
    } catch (error) {
      return toRefusal(error);
    }
    totals.updates.accepted += 1;
    feed.publish('update.accepted', { ...receipt, ...age, metrics });
    registry.heardOf(slot, steadyMs(clock));
    standings.wake(slot);
    const weightFactor = history.run ? stalenessFactor(history.run.plan, staleness) : 1;
    const lacking = held ? this.#memoryLacking(held) : null;
    if (lacking !== null) machines.tellRound({ type: 'round.abort', reason: 'aggregationFailed', detail: lacking });
    else machines.tellRound({ type: 'update.accepted', tally: tally() });
    return this.#onceSettled({ kind: 'accepted', weightFactor });
  }

  /** @returns why the open round can never be committed with the memory for its updates, or null */
  #memoryLacking(held: Held): string | null {
    const { machines, strategies, models } = this.#deps;
    const { round } = machines;
    return round && memoryLacking(orderOf(round, strategies, models.current?.version ?? null), held);
  }

  async #onceSettled(verdict: Verdict): Promise<Verdict> {
    await this.#deps.recorder.settled();
    return verdict;
  }

  #giveUp(slot: number, clientId: string, why: { code: ErrorCode; marks?: TransferMarks }): Verdict {
    const { clock, registry, membership } = this.#deps;
    try {
      this.#fail(slot, clientId, why);
    } catch (error) {
      return toRefusal(error);
    }
    registry.heardOf(slot, steadyMs(clock));
    membership.changed();
    return { kind: 'discarded', detail: 'Its uploads were refused' };
  }

  /** The aggregator has refused an upload; the client may send another. */
  noteRefusal(report: { clientId: string; round: number; code: ErrorCode }): void {
    const { history, feed, totals } = this.#deps;
    totals.updates.refused += 1;
    if (history.open) {
      const refusals = this.#refusals.get(history.open) ?? new Map<string, ErrorCode>();
      this.#refusals.set(history.open, refusals.set(report.clientId, report.code));
    }
    feed.publish('update.refused', report);
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
    const { history, recorder, feed, standings } = this.#deps;
    const round = history.open?.record.round;
    recorder.note({ type: 'training.failed', clientId, ...why });
    feed.publish('client.excluded', { clientId, round, reason: 'uploadsRefused', code: why.code });
    standings.wake(slot);
  }

  #discard(clientId: string, round: number, detail: string): Verdict {
    const { feed, totals } = this.#deps;
    totals.updates.discarded += 1;
    feed.publish('update.discarded', { clientId, round, detail });
    return { kind: 'discarded', detail };
  }
}
