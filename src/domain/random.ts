import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** A stream of random numbers; injected, so that a run can be replayed from its seed. */
export interface RandomStream {
  /** @returns a uniform integer in [0, boundExclusive). @param boundExclusive 1 to 2^32. */
  below(boundExclusive: number): number;
  /** @returns 32 uniform bits as an unsigned integer. */
  uint32(): number;
}

/** @param seed any 32-bit integer; the same seed gives the same stream (xoroshiro128+). Predictable: not for secrets. */
export function seededRandom(seed: number): RandomStream {
  const generator = xoroshiro128plus(seed);
  return {
    below: (boundExclusive) => uniformInt(generator, 0, boundExclusive - 1),
    uint32: () => generator.next() >>> 0,
  };
}

/** Words drawn from the system at a time. */
const poolWords = 1_024;

/** Unpredictable bits from the system's cryptographic source, drawn in blocks. */
export function secureRandom(): RandomStream {
  const pool = new Uint32Array(poolWords);
  let used = poolWords;
  const uint32 = (): number => {
    if (used === poolWords) {
      crypto.getRandomValues(pool);
      used = 0;
    }
    used += 1;
    return pool[used - 1] ?? 0;
  };
  return {
    uint32,
    below: (boundExclusive) => {
      // Rejects the incomplete last interval, so that each value is equally likely.
      const limit = 2 ** 32 - (2 ** 32 % boundExclusive);
      for (;;) {
        const word = uint32();
        if (word < limit) return word % boundExclusive;
      }
    },
  };
}

/** UUIDs (version 4) from a stream: repeatable from a seed, or secret from {@link secureRandom}. */
export function uuidsFrom(random: RandomStream): () => string {
  const hex = () => random.uint32().toString(16).padStart(8, '0');
  return () => {
    const [a, b, c, d] = [hex(), hex(), hex(), hex()];
    const variant = (8 + random.below(4)).toString(16);
    return `${a}-${b.slice(0, 4)}-4${b.slice(5)}-${variant}${c.slice(1, 4)}-${c.slice(4)}${d}`;
  };
}
