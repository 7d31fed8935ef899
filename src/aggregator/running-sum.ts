import { elementCount, type ModelSchema } from '../domain/model.ts';
import type { FinishTask, FoldPiece, FoldPool } from './fold-task.ts';

/**
 * Σ weightᵢ · updateᵢ in float64, folded as updates are accepted, one after another: the order of folding is the order
 * of acceptance, and gives the bits. Weighted mean: FedAvg, McMahan et al. 2017, Algorithm 1, arXiv 1602.05629.
 */
export class RunningSum {
  readonly schema: ModelSchema;
  readonly #pool: FoldPool;
  readonly #sum: SharedArrayBuffer;
  #weight = 0;
  #unweighted = 0;
  readonly #folded: string[] = [];
  #queue: Promise<void> = Promise.resolve();

  constructor(schema: ModelSchema, pool: FoldPool) {
    this.schema = schema;
    this.#pool = pool;
    const elements = schema.reduce((total, { shape }) => total + elementCount(shape), 0);
    this.#sum = new SharedArrayBuffer(elements * Float64Array.BYTES_PER_ELEMENT);
  }

  /** Queues an update. @returns when it is in the sum, and its bytes are not needed any more. */
  add(clientId: string, update: SharedArrayBuffer, pieces: FoldPiece[], numExamples: number): Promise<void> {
    const turn = this.#queue.then(async () => {
      await this.#fold(update, pieces, numExamples);
      this.#folded.push(clientId);
    });
    this.#queue = turn;
    // The failure is reported by `mean`; here it must only not go unhandled.
    turn.catch(() => undefined);
    return turn;
  }

  /**
   * The weighted mean of exactly these clients' updates. With all weights 0 it is the plain mean.
   * @throws when a fold failed, or the sum holds other contributions than these.
   */
  async mean(
    contributions: readonly string[],
    base: FinishTask['base'],
    metadata: Record<string, string>,
  ): Promise<{ bytes: SharedArrayBuffer; sha256: string }> {
    await this.#queue;
    const summed = new Set(this.#folded);
    if (summed.size !== contributions.length || contributions.some((clientId) => !summed.has(clientId))) {
      throw new Error(`The sum holds ${summed.size} contributions, not the ${contributions.length} that count`);
    }
    return this.#pool.finish({
      sum: this.#sum,
      divisor: this.#weight > 0 ? this.#weight : this.#unweighted,
      schema: this.schema,
      base,
      metadata,
    });
  }

  async #fold(update: SharedArrayBuffer, pieces: FoldPiece[], numExamples: number): Promise<void> {
    const sum = this.#sum;
    if (numExamples === 0) {
      // Counts only as long as nobody brings a weight.
      if (this.#weight === 0) await this.#pool.fold({ sum, update, pieces, weight: 1 });
      this.#unweighted += 1;
      return;
    }
    if (this.#weight === 0 && this.#unweighted > 0) new Float64Array(sum).fill(0);
    await this.#pool.fold({ sum, update, pieces, weight: numExamples });
    this.#weight += numExamples;
  }
}
