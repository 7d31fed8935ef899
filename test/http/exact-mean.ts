/** float32 values are whole multiples of 2^−149. */
const scaleBits = 149n;

/** A float32 value as a whole number of 2^−149. */
function scaled(value: number): bigint {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0] ?? 0;
  const exponent = (bits >>> 23) & 0xff;
  const fraction = BigInt(bits & 0x7fffff);
  const magnitude = exponent === 0 ? fraction : (fraction | 0x800000n) << BigInt(exponent - 1);
  return bits >>> 31 === 1 ? -magnitude : magnitude;
}

const distance = (value: number, sum: bigint, weight: bigint): bigint => {
  const difference = scaled(value) * weight - sum;
  return difference < 0n ? -difference : difference;
};

/** float32 values next to `value`, and itself. */
function neighbours(value: number): number[] {
  const [bits = 0] = new Int32Array(Float32Array.of(value).buffer);
  return [bits, bits - 1, bits + 1].map((pattern) => new Float32Array(Int32Array.of(pattern).buffer)[0] ?? 0);
}

/**
 * The weighted mean of float32 values in exact arithmetic, rounded once to the nearest float32.
 * @param updates one value and weight (whole, > 0) a client; a mean that is not 0 has at least the size of 2^−20.
 */
export function exactMean(updates: readonly { value: number; weight: number }[]): number {
  const sum = updates.reduce((total, { value, weight }) => total + scaled(value) * BigInt(weight), 0n);
  const weight = updates.reduce((total, one) => total + BigInt(one.weight), 0n);
  const near = Number((sum << 64n) / (weight << scaleBits)) / 2 ** 64;
  return neighbours(Math.fround(near)).reduce((best, candidate) =>
    distance(candidate, sum, weight) < distance(best, sum, weight) ? candidate : best,
  );
}
