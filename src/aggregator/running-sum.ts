import { elementCount, type ModelSchema } from '../domain/model.ts';
import type { Arenas } from './arenas.ts';
import { foldsAtOnceMax } from './fold.ts';
import type { FinishTask, FoldPiece, FoldPool, SumRange } from './fold-task.ts';
import type { Span } from './shared-memory.ts';
import { chunksOf, partsOf, piecesWithin } from './sum-layout.ts';

interface Pending {
  clientId: string;
  span: Span;
  pieces: FoldPiece[];
  numExamples: number;
  done: (error: unknown) => void;
}

/**
 * Σ weightᵢ · updateᵢ in float64, folded as updates are accepted: the order of acceptance is the order of folding, and
 * gives the bits. Those that wait are folded several in one pass, which changes nothing but the time it takes.
 * Weighted mean: FedAvg, McMahan et al. 2017, Algorithm 1, arXiv 1602.05629.
 */
export class RunningSum {
  readonly schema: ModelSchema;
  readonly #pool: FoldPool;
  readonly #arenas: Arenas;
  readonly #chunks: { range: SumRange; span: Span }[];
  #weight = 0;
  #unweighted = 0;
  /** What is in the memory now is another sum's. */
  #isFresh = true;
  readonly #folded: string[] = [];
  readonly #pending: Pending[] = [];
  #folding: Promise<void> | null = null;
  #finishing: Promise<unknown> | null = null;
  #failure: unknown = null;

  /** @throws {RangeError} the system gives no memory for it. */
  constructor(schema: ModelSchema, pool: FoldPool, arenas: Arenas, beside?: Span) {
    this.schema = schema;
    this.#pool = pool;
    this.#arenas = arenas;
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
  add(clientId: string, span: Span, pieces: FoldPiece[], numExamples: number): Promise<void> {
    const turn = new Promise<void>((resolve, reject) => {
      const done = (error: unknown) => (error === null ? resolve() : reject(error));
      this.#pending.push({ clientId, span, pieces, numExamples, done });
    });
    // The failure is reported by `mean`; here it must only not go unhandled.
    turn.catch(() => undefined);
    this.#folding ??= this.#foldPending();
    return turn;
  }

  /**
   * The weighted mean of exactly these clients' updates. With all weights 0 it is the plain mean. The sum is consumed.
   * @throws when a fold failed, or the sum holds other contributions than these.
   */
  async mean(
    contributions: readonly string[],
    base: { span: Span; pieces: FoldPiece[] } | null,
    metadata: Record<string, string>,
  ): Promise<{ bytes: SharedArrayBuffer; sha256: string }> {
    await this.#folding;
    if (this.#failure !== null) throw this.#failure;
    const summed = new Set(this.#folded);
    if (summed.size !== contributions.length || contributions.some((clientId) => !summed.has(clientId))) {
      throw new Error(`The sum holds ${summed.size} contributions, not the ${contributions.length} that count`);
    }
    const task: FinishTask = {
      chunks: this.#chunks,
      divisor: this.#weight > 0 ? this.#weight : this.#unweighted,
      schema: this.schema,
      base,
      metadata,
    };
    const finishing = this.#pool.finish(task);
    this.#finishing = finishing;
    return finishing;
  }

  /** Gives its memory back, once nothing works on it any more: a round may be given up while its mean is made. */
  dispose(): void {
    void Promise.allSettled([this.#folding, this.#finishing]).then(() => {
      for (const { span } of this.#chunks) this.#arenas.free(span);
    });
  }

  /** Never rejects: a failure is kept, for a sum that misses an update is worth nothing. */
  async #foldPending(): Promise<void> {
    // What is accepted in the same turn is folded in one pass.
    await Promise.resolve();
    while (this.#pending.length > 0) {
      const batch = this.#pending.splice(0, this.#batchSize());
      try {
        if (this.#failure !== null) throw this.#failure;
        await this.#fold(batch);
        this.#folded.push(...batch.map(({ clientId }) => clientId));
        for (const { done } of batch) done(null);
      } catch (error) {
        this.#failure = error;
        for (const { done } of batch) done(error);
      }
    }
    this.#folding = null;
  }

  /** Updates with and without a weight are not mixed in one pass. */
  #batchSize(): number {
    const weighted = this.#pending.slice(0, foldsAtOnceMax).findIndex(({ numExamples }) => numExamples === 0);
    if (weighted === 0) return 1;
    return weighted === -1 ? foldsAtOnceMax : weighted;
  }

  async #fold(batch: readonly Pending[]): Promise<void> {
    const weight = batch.reduce((total, { numExamples }) => total + numExamples, 0);
    if (weight === 0) {
      // Counts only as long as nobody brings a weight.
      if (this.#weight === 0) await this.#add(batch, () => 1);
      this.#unweighted += 1;
      return;
    }
    if (this.#weight === 0) this.#isFresh = true;
    await this.#add(batch, ({ numExamples }) => numExamples);
    this.#weight += weight;
  }

  async #add(batch: readonly Pending[], weightOf: (update: Pending) => number): Promise<void> {
    const clear = this.#isFresh;
    this.#isFresh = false;
    const tasks = this.#chunks.flatMap(({ range, span }) =>
      partsOf(range, this.#pool.threads).map((part) => ({
        sum: partOf(span, range, part),
        clear,
        updates: batch.map((update) => ({
          span: update.span,
          pieces: piecesWithin(update.pieces, part),
          weight: weightOf(update),
        })),
      })),
    );
    // All of them, also when one failed: until then the memory is theirs.
    const ends = await Promise.allSettled(tasks.map((task) => this.#pool.fold(task)));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }
}

const partOf = ({ arena, at }: Span, range: SumRange, part: SumRange): Span => ({
  arena,
  at: at + (part.from - range.from) * Float64Array.BYTES_PER_ELEMENT,
  bytes: (part.to - part.from) * Float64Array.BYTES_PER_ELEMENT,
});
