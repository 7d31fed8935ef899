/** Half-precision formats as 16-bit patterns; conversions round to nearest, ties to even (IEEE 754). */
const word = new Uint32Array(1);
const single = new Float32Array(word.buffer);

/** @param bits a bfloat16 pattern: the upper half of a float32. */
export function bf16ToFloat32(bits: number): number {
  word[0] = bits << 16;
  return single[0] ?? 0;
}

/** @param value any number; rounded once, also when it is no float32. */
export function float32ToBf16(value: number): number {
  const bits = oddFloat32(value);
  // A NaN must stay one when its low bits are cut off.
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x0040;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** @param bits an IEEE 754 binary16 pattern. */
export function f16ToFloat32(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1_024) * 2 ** (exponent - 15);
}

/** @param value any number; rounded once, also when it is no float32. */
export function float32ToF16(value: number): number {
  const bits = oddFloat32(value);
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // From 65,520 on it rounds to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  // Below 2^-14 it is subnormal: a multiple of 2^-24, rounded by adding a number whose last place that is.
  if (magnitude < 0x38800000) {
    word[0] = magnitude;
    single[0] = (single[0] ?? 0) + 0.5;
    return sign | ((word[0] ?? 0) - 0x3f000000);
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

/**
 * The float32 pattern of a number. What is no float32 is cut off and its last bit set: "rounded to odd", it lies on the
 * same side of every half-precision tie as before, so that rounding again gives what rounding once would.
 */
function oddFloat32(value: number): number {
  single[0] = value;
  const rounded = single[0] ?? 0;
  const bits = word[0] ?? 0;
  if (rounded === value || Number.isNaN(value)) return bits;
  return (Math.abs(rounded) > Math.abs(value) ? bits - 1 : bits) | 1;
}
