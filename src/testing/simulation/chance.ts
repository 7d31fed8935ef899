import { type RandomStream, seededRandom } from '../../domain/random.ts';

/** Draws for one purpose. */
export interface Chance extends RandomStream {
  /** @returns true with this probability. */
  happens(probability: number): boolean;
  /** Uniform in [from, to). */
  between(from: number, to: number): number;
  /** Exponential with this mean, cut off at twelve times the mean. */
  around(mean: number): number;
  /** @throws {RangeError} when there is nothing to pick from. */
  pick<T>(choices: readonly T[]): T;
}

const range = 2 ** 32;

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/**
 * A seed far from those of its neighbours (the finaliser of MurmurHash3). Streams of seeds in a row begin with numbers in a
 * row, so that the first draws of two purposes agree for each of them; what must not depend on another's draws takes this.
 */
export function scattered(seed: number): number {
  let mixed = seed | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) | 0;
}

/**
 * A stream of its own for each purpose: switching one kind of fault off leaves the draws of the others as they are, so
 * that a failing simulation can be made smaller.
 */
export function chanceFor(seed: number, purpose: string): Chance {
  const random = seededRandom((Math.imul(seed | 0, 0x9e3779b1) ^ hashOf(purpose)) | 0);
  const unit = () => random.uint32() / range;
  return {
    ...random,
    happens: (probability) => probability > 0 && unit() < probability,
    between: (from, to) => from + unit() * (to - from),
    around: (mean) => mean * Math.min(12, -Math.log(1 - unit())),
    pick: (choices) => {
      const choice = choices[random.below(choices.length)];
      if (choice === undefined) throw new RangeError('Nothing to pick from');
      return choice;
    },
  };
}
