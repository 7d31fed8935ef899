import { type Clock, steadyMs } from '../domain/clock.ts';
import { ChorusError } from '../domain/errors.ts';
import type { Evaluator } from '../domain/evaluation.ts';
import type { EvaluationResult, Receipt } from '../domain/participation.ts';
import type { Tally } from '../domain/round.ts';
import type { RoundRecord } from '../domain/round-record.ts';
import type { History } from '../history/history.ts';
import type { Judgement } from '../machines/coordinator.setup.ts';
import type { AggregatorActor } from './aggregator.actor.ts';
import type { CoordinatorMachines } from './coordinator-machines.ts';
import { checkResult, receiptAgain } from './evaluation-results.ts';
import type { BoundedEventFeed } from './event-feed.ts';
import type { Recorder } from './recorder.ts';
import type { ClientRegistry } from './registry.ts';
import type { Standings } from './standings.ts';
import type { Totals } from './totals.ts';

/** Characters kept of why an evaluation was missed. */
const reasonLengthMax = 300;

export interface EvaluationWorkDeps {
  clock: Clock;
  registry: ClientRegistry;
  history: History;
  recorder: Recorder;
  feed: BoundedEventFeed;
  aggregator: AggregatorActor;
  totals: Totals;
  machines: CoordinatorMachines;
  standings: Standings;
  tally: () => Tally;
}

/** What is done about models that are evaluated, by clients in a round of their own or by the server. */
export class EvaluationWork {
  readonly #deps: EvaluationWorkDeps;

  constructor(deps: EvaluationWorkDeps) {
    this.#deps = deps;
  }

  /**
   * A client reports what it measured. It is settled before this returns.
   * @throws NUM_EXAMPLES_INVALID, METRICS_INVALID, EVALUATION_DISCARDED, EVALUATION_CONFLICT, STORAGE_UNAVAILABLE
   */
  async report(slot: number, clientId: string, result: EvaluationResult): Promise<Receipt> {
    const { clock, registry, history, recorder, feed, machines, standings, tally } = this.#deps;
    const { round, phase } = machines;
    const plan = round?.plan ?? history.run?.plan;
    if (!plan) throw new ChorusError('EVALUATION_DISCARDED');
    const { receipt, metrics } = checkResult(clientId, result, plan);
    const isWanted = round !== null && round.evaluates !== null && round.round === result.round && phase === 'training';
    if (!isWanted || registry.stateOf(slot) !== 'training') {
      const again = receiptAgain(receipt, this.#evaluationOf(result.round));
      await recorder.settled();
      return again;
    }
    recorder.must({ type: 'result.accepted', receipt, metrics });
    feed.publish('result.accepted', { ...receipt, metrics });
    registry.heardOf(slot, steadyMs(clock));
    standings.wake(slot);
    machines.tellRound({ type: 'update.accepted', tally: tally() });
    await recorder.settled();
    return receipt;
  }

  /** The newest evaluation of this round's model. */
  #evaluationOf(round: number): RoundRecord | null {
    const { history } = this.#deps;
    const isIt = (record: RoundRecord | undefined): boolean =>
      record?.kind === 'evaluation' && record.round === round && record.run === history.run?.run;
    const open = history.open?.record;
    if (open && isIt(open)) return open;
    return history.rounds.findLast(isIt) ?? null;
  }

  /** What the server's own evaluator found. */
  recordJudgement(judgement: Judgement): void {
    const { history, recorder, feed, totals } = this.#deps;
    const version = history.run?.evaluation?.version;
    if (version === undefined) return;
    if (judgement.kind === 'failed') {
      this.miss('server', judgement.reason);
      return;
    }
    const { metrics } = judgement;
    recorder.note({ type: 'model.judged', version, metrics });
    totals.evaluations.done += 1;
    feed.publish('model.judged', { version, metrics });
  }

  /** Clients have evaluated the version. */
  settle(version: number): void {
    const { history, recorder, totals, aggregator } = this.#deps;
    const record = recorder.durability === 'round' ? (history.open?.record ?? null) : null;
    recorder.note({ type: 'round.evaluated', version, record });
    recorder.onceWritten(() => void aggregator.abandonRound());
    totals.evaluations.done += 1;
  }

  /** A model was to be evaluated, and there was not even a beginning. */
  miss(by: Evaluator, why: string): void {
    const { history, recorder, feed, totals } = this.#deps;
    const due = history.run?.evaluation;
    if (!due || due.by[0] !== by) return;
    const reason = why.slice(0, reasonLengthMax);
    recorder.note({ type: 'evaluation.missed', version: due.version, by, reason });
    totals.evaluations.failed += 1;
    feed.publish('evaluation.missed', { version: due.version, by, reason });
  }
}
