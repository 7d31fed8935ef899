import type { RandomStream } from '../domain/random.ts';

/**
 * One random draw per slot, fixed by two words of a stream. So a draw depends on nothing but seed and slot: not on the
 * order in which candidates are listed, and it can be computed again when a choice is explained.
 */
export interface Draws {
  /** 32 uniform bits as an unsigned integer; breaks ties. */
  bits(slot: number): number;
  /** Uniform in (0, 1), with 52 bits. */
  unit(slot: number): number;
}

const golden = 0x9e3779b9;

/** The finaliser of MurmurHash3 (Appleby, public domain): each bit of the input changes each of the output half the time. */
function mix(word: number): number {
  let mixed = word;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

export function drawsFrom(random: RandomStream): Draws {
  const [first, second] = [random.uint32(), random.uint32()];
  const bits = (slot: number) => mix((mix(slot ^ first) + second) | 0);
  return {
    bits,
    unit(slot) {
      const high = bits(slot);
      const low = mix((high ^ first) + golden + slot);
      // The half keeps it off both ends, so its logarithm is finite and below 0.
      return ((high >>> 6) * 2 ** 26 + (low >>> 6) + 0.5) / 2 ** 52;
    },
  };
}

/** @returns a uniform number in [0, 1), with 32 bits. */
export const unitFrom = (random: RandomStream): number => random.uint32() / 2 ** 32;
