import type { Receipt, RoundRecord } from '../../src/domain/handle.ts';
import type { Tensors } from '../../src/domain/model.ts';
import { decodeSafetensors } from '../../src/wire/safetensors.ts';

/** Values of a model: few, so that what must come out can be worked out. */
const width = 16;

/** What client `index` sends in a round: whole numbers, so that every sum is exact in whatever order. */
export const updateOf = (index: number, round: number): Tensors => ({
  w: { dtype: 'F32', shape: [width], data: Float32Array.from({ length: width }, (_, at) => index * at + round) },
});
export const numExamplesOf = (index: number): number => index + 1;

/** Knows every update that the server acknowledged, and holds the server's history against it. */
export class Oracle {
  readonly #acknowledged: { index: number; receipt: Receipt }[] = [];
  readonly #indexOf = new Map<string, number>();

  get acknowledged(): number {
    return this.#acknowledged.length;
  }

  /** A client may have had several ids. */
  knows(index: number, clientId: string): void {
    this.#indexOf.set(clientId, index);
  }

  accepted(index: number, receipt: Receipt): void {
    this.knows(index, receipt.clientId);
    this.#acknowledged.push({ index, receipt });
  }

  /**
   * What is wrong with a history, a sentence each.
   * @param rounds every attempt, in order. @param modelOf the bytes of a version.
   */
  async problems(rounds: readonly RoundRecord[], modelOf: (version: number) => Promise<Uint8Array>): Promise<string[]> {
    const problems: string[] = [];
    const committed = rounds.filter(({ phase }) => phase === 'committed');
    committed.forEach(({ round }, index) => {
      if (round !== index + 1) problems.push(`Round ${round} was committed as number ${index + 1}`);
    });
    for (const { index, receipt } of this.#acknowledged) {
      const where = rounds.filter(({ contributions }) => contributions.some((one) => isSame(one, receipt)));
      const name = `Client ${index}'s update of round ${receipt.round}`;
      if (where.length === 0) problems.push(`${name} was acknowledged and is nowhere`);
      if (where.filter(({ phase }) => phase === 'committed').length > 1) problems.push(`${name} counts twice`);
    }
    for (const { round, contributions, quorum, modelVersion } of committed) {
      if (contributions.length < quorum) problems.push(`Round ${round} has ${contributions.length} of ${quorum}`);
      const found = decodeSafetensors(await modelOf(modelVersion ?? 0)).tensors.w?.data ?? [];
      const wanted = this.#mean(
        round,
        contributions.map(({ clientId }) => this.#indexOf.get(clientId) ?? Number.NaN),
      );
      if (wanted.some((value, at) => value !== found[at])) problems.push(`The model of round ${round} is not the mean`);
    }
    return problems;
  }

  #mean(round: number, indexes: readonly number[]): Float32Array {
    const weight = indexes.reduce((total, index) => total + numExamplesOf(index), 0);
    return Float32Array.from({ length: width }, (_, at) => {
      const sum = indexes.reduce((total, index) => total + numExamplesOf(index) * (index * at + round), 0);
      return sum / weight;
    });
  }
}

const isSame = (one: Receipt, other: Receipt): boolean =>
  one.clientId === other.clientId && one.round === other.round && one.sha256 === other.sha256;
