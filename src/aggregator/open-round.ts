import type { Aggregate, AggregatorCallbacks, RoundOrder, Verdict } from '../domain/aggregation.ts';
import type { Clock } from '../domain/clock.ts';
import { ChorusError, type ErrorCode, fromRefusal } from '../domain/errors.ts';
import type { UpdatePlace } from '../domain/facts.ts';
import type { Receipt, Traffic } from '../domain/handle.ts';
import type { ModelSchema } from '../domain/model.ts';
import { fedavgChoice, type StrategyChoice } from '../domain/strategy-choice.ts';
import { strategyOf } from '../strategies/of-plan.ts';
import { weigh } from '../strategies/running-totals.ts';
import type { Contribution, Strategy } from '../strategies/strategy.ts';
import type { Arenas } from './arenas.ts';
import type { FoldPool, Inspected, Inspecting } from './fold-task.ts';
import { GatheredUpdates } from './gathered-updates.ts';
import type { OwnRunner } from './own-work.ts';
import type { RoundSum, SumBase } from './round-sum.ts';
import { RunningSum } from './running-sum.ts';
import { bytesOf, type Span } from './shared-memory.ts';
import type { StagedUpdates } from './staged-updates.ts';
import type { Ticket } from './tickets.ts';
import type { Settled, Staged } from './upload.ts';

export interface RoundDeps {
  clock: Clock;
  pool: FoldPool;
  /** Asks strategies of one's own; null: there are none here. */
  ownStrategies: OwnRunner | null;
  arenas: Arenas;
  callbacks: AggregatorCallbacks;
  /** null: accepted updates are in memory only. */
  updates: StagedUpdates | null;
  stagingBytesMax: number;
}

/**
 * Part of the aggregation window that a strategy of one's own may take: what fails is told by its own reason, and not by
 * the deadline.
 */
const ownWindowShare = 0.8;

/** The model that clients of a round start from. */
export interface GivenModel extends SumBase {
  schema: ModelSchema;
}

/** A checked update, and what the strategy knows of it. */
type Weighable = Inspected & { contribution: Contribution };

/**
 * One attempt at a round, as the service sees it: which updates were accepted, and their sum. Validates before it
 * accepts, accepts before it counts: an update is folded after the coordinator said that it counts, and not otherwise.
 */
export class OpenRound {
  readonly order: RoundOrder;
  /** So far. */
  readonly traffic: Traffic = { bytesIn: 0, bytesOut: 0 };
  readonly #deps: RoundDeps;
  readonly #over = new AbortController();
  readonly #model: GivenModel | null;
  readonly #choice: StrategyChoice;
  readonly #strategy: Strategy;
  #schema: ModelSchema | null;
  #sum: RoundSum | null = null;
  /** The coordinator is asked for one update after another: its order is the order of the sum. */
  #asked: Promise<unknown> = Promise.resolve();
  /** Everything asked for so far is answered, and in the sum if it counts. */
  #summed: Promise<unknown> = Promise.resolve();

  /** @throws {RangeError} there is no such strategy. */
  constructor(order: RoundOrder, model: GivenModel | null, deps: RoundDeps) {
    this.order = order;
    this.#model = model;
    this.#schema = model?.schema ?? null;
    this.#choice = order.strategy ?? fedavgChoice;
    this.#strategy = strategyOf(this.#choice);
    this.#deps = deps;
  }

  get sum(): RoundSum | null {
    return this.#sum;
  }

  /** The model that the accepted updates of exactly these clients make. */
  async mean(contributions: readonly string[], metadata: Record<string, string>): Promise<Aggregate> {
    if (!this.#sum) throw new Error('No update was accepted');
    // Asked when the plan was read, for its quorum; more than that came, or fewer were let through.
    const unmet = this.#strategy.precondition(contributions.length);
    if (unmet !== null) throw new ChorusError('INTERNAL', unmet.replace(/\.$/, ''));
    try {
      const made = await this.#sum.mean(contributions, this.#model, metadata);
      return { ...made, schema: this.#sum.schema };
    } catch (error) {
      // What the updates came to, in a sentence that the operator shall read.
      if (error instanceof RangeError) throw new ChorusError('INTERNAL', error.message, { cause: error });
      throw error;
    }
  }

  /** What the strategy must know of an update. The same bits each time, also when it is read back after a crash. */
  async contributionOf(span: Span, { numExamples, metrics, pieces }: Inspected): Promise<Contribution> {
    const strategy = this.#strategy;
    const isNeeded = strategy.kind === 'running' && (strategy.needsDeltaNorm || strategy.clipNorm !== null);
    const base = this.#model;
    if (!isNeeded || !base) return { numExamples, metrics, deltaNorm: null };
    const isDelta = this.order.updateKind === 'deltas';
    const task = { update: { span, pieces }, base: isDelta ? null : { span: base.span, pieces: base.pieces } };
    return { numExamples, metrics, deltaNorm: await this.#deps.pool.deltaNorm(task) };
  }

  /** Aborted when the round is over, with a refusal as its reason. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** Begins to check bytes as they come. */
  inspect(
    span: Span,
    expectedBytes: number | null,
    allowZeroExamples: boolean,
    normMax: number | null = this.order.updateNormMax,
  ): Inspecting {
    const { numExamplesMax } = this.order;
    const schema = this.#schema;
    const task = { span, expectedBytes, schema, numExamplesMax, normMax, allowZeroExamples, isModel: false };
    return { against: schema, inspector: this.#deps.pool.inspect(task) };
  }

  /** Checks a whole upload, stages it, asks the coordinator, and queues it for the sum. @throws any refusal of the contract */
  async settle(ticket: Ticket, staged: Staged, allowZeroExamples: boolean): Promise<Settled> {
    const early = await this.#weighed(ticket, staged, await this.#finish(ticket, staged, staged.inspecting));
    // Another upload of the same client comes first.
    while (ticket.state === 'settling') await ticket.settled;
    if (ticket.receipt) return { receipt: sameReceipt(ticket.receipt, early.sha256), folded: null };
    if (ticket.state !== 'open') throw discarded(ticket.round);
    ticket.state = 'settling';
    const settled = this.#settle(ticket, staged, early, allowZeroExamples);
    ticket.settled = settled.then(
      () => undefined,
      () => undefined,
    );
    return settled;
  }

  /** Queues an accepted update for the sum. @returns when its bytes in memory are not needed any more */
  add(
    { clientId, span, place }: { clientId: string; span: Span; place: UpdatePlace | null },
    { schema, pieces, contribution }: Weighable,
    weightFactor = 1,
  ): Promise<void> {
    this.#schema ??= schema;
    this.#sum ??= this.#newSum(this.#schema, span);
    return this.#sum.add({ clientId, span, pieces, place, contribution: { ...contribution, staleness: weightFactor } });
  }

  #newSum(schema: ModelSchema, beside: Span): RoundSum {
    const { pool, arenas, updates, clock, ownStrategies: runner } = this.#deps;
    const own = runner && { runner, clock, msMax: ownWindowShare * this.order.aggregationWindowMs };
    const strategy = this.#strategy;
    const { updateKind } = this.order;
    const choice = this.#choice;
    if (strategy.kind === 'running')
      return new RunningSum(schema, { choice, strategy, updateKind }, { pool, arenas, clock }, { beside, own });
    return new GatheredUpdates(schema, { choice, strategy, updateKind }, { pool, arenas, updates, own });
  }

  /** Gives the sum's memory back; nothing is added to it any more. @param reason what uploads under way hear */
  dispose(reason: ChorusError = discarded(this.order.round)): void {
    this.#over.abort(reason);
    this.#sum?.dispose();
  }

  /** Counts a refusal; the last one allowed takes the client out of the round. */
  async refuse(ticket: Ticket, code: ErrorCode): Promise<void> {
    if (ticket.state !== 'open') return;
    const { clientId, round, attempt } = ticket;
    ticket.refusals += 1;
    this.#deps.callbacks.uploadRefused({ clientId, round, code });
    if (ticket.refusals < this.order.uploadAttemptsMax) return;
    ticket.state = 'closed';
    await this.#deps.callbacks.endTraining({
      ...{ clientId, round, attempt, outcome: { kind: 'failed', code } },
      marks: { ...ticket.marks },
    });
  }

  async #finish(ticket: Ticket, { byteLength }: Staged, { inspector }: Inspecting): Promise<Inspected> {
    const update = await inspector.finish(byteLength);
    if (update.kind === 'valid') return update;
    await this.refuse(ticket, update.code);
    throw fromRefusal(update);
  }

  /** @throws METRICS_INVALID: it lacks what the strategy needs. */
  async #weighed(ticket: Ticket, { span }: Staged, update: Inspected): Promise<Weighable> {
    const contribution = await this.contributionOf(span, update);
    const weighed = this.#strategy.kind === 'running' ? weigh(this.#strategy, contribution) : null;
    if (weighed?.kind !== 'unfit') return { ...update, contribution };
    await this.refuse(ticket, 'METRICS_INVALID');
    throw new ChorusError('METRICS_INVALID', weighed.detail);
  }

  /** Its ticket is `settling`, and is not any more when this settles. */
  async #settle(ticket: Ticket, staged: Staged, early: Weighable, allowZeroExamples: boolean): Promise<Settled> {
    try {
      const place = await this.#stage(ticket, staged, early);
      const turn = this.#asked.then(async () => {
        const update = await this.#checkAgain(ticket, staged, early, allowZeroExamples);
        return this.#report(ticket, staged, update, place);
      });
      // As long as there is no schema, the next may be held against the one that this one defines.
      this.#asked = turn.then(({ settled }) => (this.#schema === null ? settled : null)).catch(() => undefined);
      const { settled } = await turn;
      return await settled;
    } finally {
      // Nothing has changed: it may be uploaded again.
      if (ticket.state === 'settling')
        ticket.state = this.signal.aborted && !this.order.keepsClients ? 'closed' : 'open';
    }
  }

  /** @returns where its bytes outlive a crash, or null when they do not. @throws STORAGE_UNAVAILABLE, UPDATE_DISCARDED */
  async #stage(ticket: Ticket, { span, byteLength }: Staged, { sha256 }: Inspected): Promise<UpdatePlace | null> {
    if (!this.#deps.updates) return null;
    // They are there already when only the coordinator could not take them the last time.
    if (ticket.staged?.sha256 === sha256) return ticket.staged.place;
    try {
      const place = await this.#deps.updates.put(bytesOf(span, byteLength));
      ticket.staged = { sha256, place };
      return place;
    } catch (error) {
      throw this.signal.aborted ? this.signal.reason : error;
    }
  }

  /** Another update may have defined the schema since it was checked. */
  async #checkAgain(ticket: Ticket, staged: Staged, early: Weighable, allowZeroExamples: boolean): Promise<Weighable> {
    if (staged.inspecting.against === this.#schema) return early;
    const { inspector } = this.inspect(staged.span, staged.byteLength, allowZeroExamples);
    const update = await inspector.finish(staged.byteLength);
    // There was no model to measure it from, and there is none now.
    if (update.kind === 'valid') return { ...update, contribution: early.contribution };
    ticket.state = 'open';
    await this.refuse(ticket, update.code);
    throw fromRefusal(update);
  }

  /** Asks the coordinator; the next may ask before this one is answered, but not before this one is summed. */
  #report(
    ticket: Ticket,
    { span, byteLength }: Staged,
    update: Weighable,
    staged: UpdatePlace | null,
  ): { settled: Promise<Settled> } {
    this.signal.throwIfAborted();
    const { clientId, round, attempt } = ticket;
    const { sha256, numExamples, metrics } = update;
    const receipt: Receipt = { round, clientId, sha256, numExamples };
    const { stagingBytesMax } = this.#deps;
    const held = staged ? {} : { held: { updateBytes: byteLength, stagingBytesMax } };
    const outcome = { kind: 'valid' as const, receipt, metrics, staged, ...held };
    const answered = this.#ask({ clientId, round, attempt, outcome, marks: { ...ticket.marks } });
    const settled = Promise.allSettled([answered, this.#summed]).then(([answer]): Settled => {
      // Whether it counts is not known then; the coordinator is the one to know.
      ticket.state = 'closed';
      if (answer.status === 'rejected') throw answer.reason;
      const { weightFactor } = this.#mustBeAccepted(ticket, answer.value);
      ticket.state = 'accepted';
      ticket.receipt = receipt;
      return { receipt, folded: this.add({ clientId, span, place: staged }, update, weightFactor) };
    });
    this.#summed = settled.catch(() => undefined);
    return { settled };
  }

  /** @throws UPDATE_DISCARDED; why it could not be recorded, and then the client may upload it again */
  #mustBeAccepted(ticket: Ticket, verdict: Verdict): Verdict & { kind: 'accepted' } {
    if (verdict.kind === 'discarded') throw new ChorusError('UPDATE_DISCARDED', verdict.detail);
    // The round may have been given up while the coordinator answered.
    this.signal.throwIfAborted();
    if (verdict.kind === 'accepted') return verdict;
    ticket.state = 'open';
    throw fromRefusal(verdict);
  }

  async #ask(report: Parameters<AggregatorCallbacks['endTraining']>[0]): Promise<Verdict> {
    // Not before `settled` is set: the answer to the last update may close the round at once.
    await Promise.resolve();
    return this.#deps.callbacks.endTraining(report);
  }
}

/** The same bytes again get the same receipt; other bytes conflict. */
function sameReceipt(receipt: Receipt, sha256: string): Receipt {
  if (receipt.sha256 !== sha256) throw new ChorusError('UPDATE_CONFLICT');
  return receipt;
}

export const discarded = (round: number): ChorusError =>
  new ChorusError('UPDATE_DISCARDED', `Round ${round} takes no update of this client any more`);
