import type { Clock } from '../domain/clock.ts';
import { elementCount, type ModelSchema } from '../domain/model.ts';
import type { StrategyChoice } from '../domain/strategy-choice.ts';
import { type Folding, RunningTotals } from '../strategies/running-totals.ts';
import type { RunningStrategy } from '../strategies/strategy.ts';
import type { Arenas } from './arenas.ts';
import type { Finished, FinishTask, FoldPool, FoldTask, SumRange } from './fold-task.ts';
import { nothingLeft, stepByOwn } from './own-step.ts';
import type { OwnWork } from './own-work.ts';
import type { Made, RoundSum, SumBase, SumUpdate } from './round-sum.ts';
import type { Span } from './shared-memory.ts';
import { chunksOf, piecesWithin } from './sum-layout.ts';

/** Updates given to the pool at a time. While they are added the sum is read and written once; their memory is in use so long. */
const updatesAtOnceMax = 16;
/** So many wait for no company. */
const updatesAtOnceMin = 4;

interface Pending extends SumUpdate {
  folding: Folding;
  done: (error: unknown) => void;
}

/** How updates are weighed, and what the sum becomes. */
export interface SumRule {
  choice: StrategyChoice;
  strategy: RunningStrategy;
  updateKind: 'weights' | 'deltas';
}

export interface SumDeps {
  pool: FoldPool;
  arenas: Arenas;
  clock: Clock;
}

/**
 * Σ weightᵢ · updateᵢ in float64, folded as updates are accepted: the order of acceptance is the order of folding, and
 * gives the bits. Those that wait are folded several in one pass, which changes nothing but the time it takes. How much
 * an update weighs, and what is made of the sum, is a running strategy's.
 */
export class RunningSum implements RoundSum {
  readonly schema: ModelSchema;
  readonly #pool: FoldPool;
  readonly #arenas: Arenas;
  readonly #clock: Clock;
  readonly #chunks: { range: SumRange; span: Span }[];
  readonly #rule: SumRule;
  readonly #totals: RunningTotals;
  /** For a strategy of one's own; null: there is none. */
  readonly #own: OwnWork | null;
  readonly #folded: string[] = [];
  readonly #pending: Pending[] = [];
  /** Until then an update waits for company. */
  #company: ReturnType<Clock['setTimeout']> = null;
  #folding: Promise<void> | null = null;
  #finishing: Promise<unknown> | null = null;
  #failure: unknown = null;

  /** @throws {RangeError} the system gives no memory for it. */
  constructor(
    schema: ModelSchema,
    rule: SumRule,
    { pool, arenas, clock }: SumDeps,
    { beside, own = null }: { beside?: Span; own?: OwnWork | null } = {},
  ) {
    this.schema = schema;
    this.#own = own;
    this.#rule = rule;
    this.#totals = new RunningTotals(rule.strategy);
    this.#pool = pool;
    this.#arenas = arenas;
    this.#clock = clock;
    const elements = schema.reduce((total, { shape }) => total + elementCount(shape), 0);
    this.#chunks = chunksOf(elements).map((range) => ({
      range,
      span: arenas.allocate((range.to - range.from) * Float64Array.BYTES_PER_ELEMENT, beside),
    }));
  }

  /** Where it begins, so that updates can be put beside it. */
  get span(): Span | undefined {
    return this.#chunks[0]?.span;
  }

  /** Queues an update. @returns when it is in the sum, and its bytes are not needed any more. */
  add(update: SumUpdate): Promise<void> {
    const turn = new Promise<void>((resolve, reject) => {
      const done = (error: unknown) => (error === null ? resolve() : reject(error));
      // Now, for those that are folded at once may be any: the order of these calls is the order of the sum.
      const folding = this.#totals.add(update.contribution);
      this.#pending.push({ ...update, folding, done });
    });
    // The failure is reported by `mean`; here it must only not go unhandled.
    turn.catch(() => undefined);
    const { companyMsMax } = this.#pool;
    if (companyMsMax === 0 || this.#pending.length >= updatesAtOnceMin) this.#fold();
    else this.#company ??= this.#clock.setTimeout(() => this.#fold(), companyMsMax);
    return turn;
  }

  /**
   * The model that exactly these clients' updates make. The sum is consumed.
   * @throws when a fold failed, the sum holds other contributions than these, or a model is needed and there is none.
   */
  async mean(contributions: readonly string[], base: SumBase | null, metadata: Record<string, string>): Promise<Made> {
    while (this.#folding !== null) await this.#folding;
    this.#stopWaiting();
    if (this.#failure !== null) throw this.#failure;
    const summed = new Set([...this.#folded, ...this.#pending.map(({ clientId }) => clientId)]);
    if (summed.size !== contributions.length || contributions.some((clientId) => !summed.has(clientId))) {
      throw new Error(`The sum holds ${summed.size} contributions, not the ${contributions.length} that count`);
    }
    const last = this.#last(base);
    // An optimiser steps on one thread; what several can add is in the sum before.
    const isAddedAtTheEnd = last.optimiser === null;
    this.#folding = this.#foldWhile(() => this.#pending.length > (isAddedAtTheEnd ? this.#batchSize() : 0));
    await this.#folding;
    if (this.#failure !== null) throw this.#failure;
    const rest = this.#pending.splice(0);
    const finishing = this.#settling(rest, this.#finish({ ...last, rest: foldOf(rest) }, base, metadata));
    this.#finishing = finishing;
    return { ...(await finishing), members: null };
  }

  async #finish(
    last: Pick<FinishTask, 'rest' | 'divisor' | 'base' | 'baseShare' | 'optimiser'>,
    base: SumBase | null,
    metadata: Record<string, string>,
  ): Promise<Finished> {
    const { choice } = this.#rule;
    const common = { chunks: this.#chunks, schema: this.schema, metadata };
    if (!base || !last.optimiser || !choice.own) return this.#pool.finish({ ...common, ...last });
    if (!this.#own) throw new Error(`${choice.name} is not at hand`);
    const state = await stepByOwn({ ...last, choice, chunks: this.#chunks, base }, this.#own);
    return this.#pool.finish({ ...common, ...nothingLeft, ...(state.slots.length > 0 ? { state } : {}) });
  }

  /** What is left to do with the sum. */
  #last(base: SumBase | null): Pick<FinishTask, 'divisor' | 'base' | 'baseShare' | 'optimiser'> {
    const { choice, strategy, updateKind } = this.#rule;
    const { divisor, baseShare } = this.#totals.finishing(updateKind);
    const takesStep = strategy.optimiser !== null;
    if (base) {
      const isNeeded = takesStep || baseShare !== 0;
      const optimiser = takesStep ? { choice, state: base.state } : null;
      return { divisor, base: isNeeded ? base : null, baseShare, optimiser };
    }
    // The first model of a run is their mean: there is nothing to step from yet.
    if ((takesStep ? baseShare + 1 : baseShare) === 0) return { divisor, base: null, baseShare: 0, optimiser: null };
    throw new RangeError(`${choice.name} needs a model that clients started from, and there is none`);
  }

  /** Gives its memory back, once nothing works on it any more: a round may be given up while its mean is made. */
  dispose(): void {
    this.#stopWaiting();
    this.#failure ??= new Error('The sum was given up');
    for (const { done } of this.#pending.splice(0)) done(this.#failure);
    void Promise.allSettled([this.#folding, this.#finishing]).then(() => {
      for (const { span } of this.#chunks) this.#arenas.free(span);
    });
  }

  #stopWaiting(): void {
    this.#clock.clearTimeout(this.#company);
    this.#company = null;
  }

  #fold(): void {
    this.#stopWaiting();
    this.#folding ??= this.#foldWhile(() => this.#pending.length > 0);
  }

  /** Never rejects: a failure is kept, for a sum that misses an update is worth nothing. */
  async #foldWhile(isNeeded: () => boolean): Promise<void> {
    // What is accepted in the same turn is folded in one pass.
    await Promise.resolve();
    while (isNeeded()) {
      const batch = this.#pending.splice(0, this.#batchSize());
      await this.#settling(batch, this.#foldBatch(batch)).catch(() => undefined);
    }
    // At once: what is added next would wait for a fold that does not look any more.
    this.#folding = null;
  }

  /** Tells these updates, and remembers, how work on them ended. */
  async #settling<Result>(updates: readonly Pending[], work: Promise<Result>): Promise<Result> {
    try {
      const result = await work;
      this.#folded.push(...updates.map(({ clientId }) => clientId));
      for (const { done } of updates) done(null);
      return result;
    } catch (error) {
      this.#failure = error;
      for (const { done } of updates) done(error);
      throw error;
    }
  }

  /** A pass that clears the sum begins with the update that asks for it. */
  #batchSize(): number {
    const clearing = this.#pending.slice(1, updatesAtOnceMax).findIndex(({ folding }) => folding.clear);
    return clearing === -1 ? updatesAtOnceMax : clearing + 1;
  }

  async #foldBatch(batch: readonly Pending[]): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    const { clear, updates } = foldOf(batch);
    if (updates.length === 0 && !clear) return;
    const tasks = this.#chunks.map(({ range, span }) => ({
      sum: span,
      clear,
      updates: updates.map((update) => ({ ...update, pieces: piecesWithin(update.pieces, range) })),
    }));
    // All of them, also when one failed: until then the memory is theirs.
    const ends = await Promise.allSettled(tasks.map((task) => this.#pool.fold(task)));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }
}

const foldOf = (batch: readonly Pending[]): Omit<FoldTask, 'sum'> => ({
  clear: batch[0]?.folding.clear ?? false,
  updates: batch
    .filter(({ folding }) => folding.weight !== 0)
    .map(({ span, pieces, folding }) => ({ span, pieces, weight: folding.weight })),
});
