/**
 * Values of an update, decoded as they are read. A pointer need not be aligned. The type says what lies there: `f32`,
 * `f64`, `u16` for bfloat16 and `i16` for IEEE binary16.
 */

/** 2^112: moves the exponent of a binary16, put where a float32's is, to where it belongs. */
const halfScale: u32 = 0x77800000;

// ── four values at a time, as float32 ───────────────────────────────────────────────────────────────────────────────

// @ts-ignore: decorator
@inline
export function load4<T>(at: usize): v128 {
  if (sizeof<T>() == 4) return v128.load(at);
  const bits = i32x4.extend_low_i16x8_u(v128.load64_zero(at));
  if (!isSigned<T>()) return i32x4.shl(bits, 16);
  const magnitude = i32x4.shl(v128.and(bits, i32x4.splat(0x7fff)), 13);
  const sign = i32x4.shl(v128.and(bits, i32x4.splat(0x8000)), 16);
  return v128.or(f32x4.mul(magnitude, i32x4.splat(halfScale)), sign);
}

// @ts-ignore: decorator
@inline
export function lower(four: v128): v128 {
  return f64x2.promote_low_f32x4(four);
}

// @ts-ignore: decorator
@inline
export function upper(four: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i64>(four, four, 1, 0));
}

// @ts-ignore: decorator
@inline
export function load1<T>(at: usize): f64 {
  if (sizeof<T>() == 8) return load<f64>(at);
  if (sizeof<T>() == 4) return <f64>load<f32>(at);
  const bits = <u32>load<u16>(at);
  if (!isSigned<T>()) return <f64>reinterpret<f32>(bits << 16);
  const magnitude = reinterpret<f32>((bits & 0x7fff) << 13) * reinterpret<f32>(halfScale);
  return <f64>reinterpret<f32>(reinterpret<u32>(magnitude) | ((bits & 0x8000) << 16));
}
