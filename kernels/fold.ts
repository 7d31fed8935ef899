/**
 * The inner loops of aggregation, in AssemblyScript, over a memory shared by all threads. Compiled by
 * `npm run build:kernels` into `src/aggregator/kernels/fold-wasm.ts`; a test checks that the two match.
 *
 * A pointer is a byte offset into the memory and need not be aligned; the sum's is. Values are decoded as they are read:
 * `f32`, `f64`, `u16` for bfloat16 and `i16` for IEEE binary16. Every sum is `acc + weight · value` in float64, one
 * update after another, whatever is done at a time: so the order of the updates alone gives the bits.
 */
import { load1, load4, lower, upper } from './decode';

// ── acc[i] += Σ weightₖ · updateₖ[i] ─────────────────────────────────────────────────────────────────────────────────

// @ts-ignore: decorator
@inline
function fold1<T>(acc: usize, count: usize, a: usize, wa: f64): void {
  const weightA = f64x2.splat(wa);
  const end = acc + (count & ~3) * 8;
  for (; acc < end; acc += 32) {
    let low = v128.load(acc);
    let high = v128.load(acc, 16);
    if (sizeof<T>() == 8) {
      low = f64x2.add(low, f64x2.mul(weightA, v128.load(a)));
      high = f64x2.add(high, f64x2.mul(weightA, v128.load(a, 16)));
    } else {
      const fromA = load4<T>(a);
      low = f64x2.add(low, f64x2.mul(weightA, lower(fromA)));
      high = f64x2.add(high, f64x2.mul(weightA, upper(fromA)));
    }
    v128.store(acc, low);
    v128.store(acc, high, 16);
    a += 4 * sizeof<T>();
  }
  for (let left = count & 3; left > 0; left--) {
    store<f64>(acc, load<f64>(acc) + wa * load1<T>(a));
    acc += 8;
    a += sizeof<T>();
  }
}

// @ts-ignore: decorator
@inline
function fold4<T>(acc: usize, count: usize, a: usize, wa: f64, b: usize, wb: f64, c: usize, wc: f64, d: usize, wd: f64): void {
  const weightA = f64x2.splat(wa);
  const weightB = f64x2.splat(wb);
  const weightC = f64x2.splat(wc);
  const weightD = f64x2.splat(wd);
  const end = acc + (count & ~3) * 8;
  for (; acc < end; acc += 32) {
    let low = v128.load(acc);
    let high = v128.load(acc, 16);
    if (sizeof<T>() == 8) {
      low = f64x2.add(low, f64x2.mul(weightA, v128.load(a)));
      high = f64x2.add(high, f64x2.mul(weightA, v128.load(a, 16)));
      low = f64x2.add(low, f64x2.mul(weightB, v128.load(b)));
      high = f64x2.add(high, f64x2.mul(weightB, v128.load(b, 16)));
      low = f64x2.add(low, f64x2.mul(weightC, v128.load(c)));
      high = f64x2.add(high, f64x2.mul(weightC, v128.load(c, 16)));
      low = f64x2.add(low, f64x2.mul(weightD, v128.load(d)));
      high = f64x2.add(high, f64x2.mul(weightD, v128.load(d, 16)));
    } else {
      const fromA = load4<T>(a);
      const fromB = load4<T>(b);
      const fromC = load4<T>(c);
      const fromD = load4<T>(d);
      low = f64x2.add(low, f64x2.mul(weightA, lower(fromA)));
      high = f64x2.add(high, f64x2.mul(weightA, upper(fromA)));
      low = f64x2.add(low, f64x2.mul(weightB, lower(fromB)));
      high = f64x2.add(high, f64x2.mul(weightB, upper(fromB)));
      low = f64x2.add(low, f64x2.mul(weightC, lower(fromC)));
      high = f64x2.add(high, f64x2.mul(weightC, upper(fromC)));
      low = f64x2.add(low, f64x2.mul(weightD, lower(fromD)));
      high = f64x2.add(high, f64x2.mul(weightD, upper(fromD)));
    }
    v128.store(acc, low);
    v128.store(acc, high, 16);
    a += 4 * sizeof<T>();
    b += 4 * sizeof<T>();
    c += 4 * sizeof<T>();
    d += 4 * sizeof<T>();
  }
  for (let left = count & 3; left > 0; left--) {
    let sum = load<f64>(acc);
    sum += wa * load1<T>(a);
    sum += wb * load1<T>(b);
    sum += wc * load1<T>(c);
    sum += wd * load1<T>(d);
    store<f64>(acc, sum);
    acc += 8;
    a += sizeof<T>();
    b += sizeof<T>();
    c += sizeof<T>();
    d += sizeof<T>();
  }
}

// ── Σ value², NaN when a value is not finite ────────────────────────────────────────────────────────────────────────

/** Squares of float32 neither overflow float64 nor does their sum, so it is finite exactly when every value is. */
// @ts-ignore: decorator
@inline
function check<T>(at: usize, count: usize): f64 {
  let first = f64x2.splat(0);
  let second = f64x2.splat(0);
  let third = f64x2.splat(0);
  let fourth = f64x2.splat(0);
  let unbounded = i16x8.splat(0);
  const end = at + (count & ~7) * sizeof<T>();
  for (; at < end; at += 8 * sizeof<T>()) {
    if (sizeof<T>() == 8) {
      const a = v128.load(at);
      const b = v128.load(at, 16);
      const c = v128.load(at, 32);
      const d = v128.load(at, 48);
      first = f64x2.add(first, f64x2.mul(a, a));
      second = f64x2.add(second, f64x2.mul(b, b));
      third = f64x2.add(third, f64x2.mul(c, c));
      fourth = f64x2.add(fourth, f64x2.mul(d, d));
    } else {
      const one = load4<T>(at);
      const two = load4<T>(at + 4 * sizeof<T>());
      const a = lower(one);
      const b = upper(one);
      const c = lower(two);
      const d = upper(two);
      first = f64x2.add(first, f64x2.mul(a, a));
      second = f64x2.add(second, f64x2.mul(b, b));
      third = f64x2.add(third, f64x2.mul(c, c));
      fourth = f64x2.add(fourth, f64x2.mul(d, d));
      // Scaled as if it were finite, an infinite binary16 looks finite: its exponent is looked at itself.
      if (sizeof<T>() == 2 && isSigned<T>()) {
        const exponent = i16x8.splat(0x7c00);
        unbounded = v128.or(unbounded, i16x8.eq(v128.and(v128.load(at), exponent), exponent));
      }
    }
  }
  const sums = f64x2.add(f64x2.add(first, second), f64x2.add(third, fourth));
  let sum = f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1);
  let isBounded = !v128.any_true(unbounded);
  for (let left = count & 7; left > 0; left--) {
    const value = load1<T>(at);
    sum += value * value;
    if (sizeof<T>() == 2 && isSigned<T>() && (load<u16>(at) & 0x7c00) == 0x7c00) isBounded = false;
    at += sizeof<T>();
  }
  return isBounded && sum - sum == 0 ? sum : NaN;
}

// ── whether every value is finite ───────────────────────────────────────────────────────────────────────────────────

/** Of each lane, the bits without the sign; of a float64, those of its upper half. */
// @ts-ignore: decorator
@inline
function magnitudes<T>(at: usize): v128 {
  if (sizeof<T>() == 8) return v128.and(v128.load(at), i64x2.splat(0x7fffffff00000000));
  if (sizeof<T>() == 4) return v128.and(v128.load(at), i32x4.splat(0x7fffffff));
  return v128.and(v128.load(at), i16x8.splat(0x7fff));
}

// @ts-ignore: decorator
@inline
function larger<T>(a: v128, b: v128): v128 {
  return sizeof<T>() == 2 ? i16x8.max_u(a, b) : i32x4.max_u(a, b);
}

/** Of the lanes of `magnitudes`, which are those of infinity or more: all bits set. */
// @ts-ignore: decorator
@inline
function unbounded<T>(largest: v128): v128 {
  if (sizeof<T>() == 8) return i32x4.ge_u(largest, i32x4.splat(0x7ff00000));
  if (sizeof<T>() == 4) return i32x4.ge_u(largest, i32x4.splat(0x7f800000));
  return i16x8.ge_u(largest, i16x8.splat(isSigned<T>() ? 0x7c00 : 0x7f80));
}

/** What is not finite has the largest exponent: so the largest magnitude of all says it, at two operations for 16 bytes. */
// @ts-ignore: decorator
@inline
function finite<T>(at: usize, count: usize): bool {
  let first = i64x2.splat(0);
  let second = i64x2.splat(0);
  let third = i64x2.splat(0);
  let fourth = i64x2.splat(0);
  const atOnce = 64 / sizeof<T>();
  const end = at + (count & ~(atOnce - 1)) * sizeof<T>();
  for (; at < end; at += 64) {
    first = larger<T>(first, magnitudes<T>(at));
    second = larger<T>(second, magnitudes<T>(at + 16));
    third = larger<T>(third, magnitudes<T>(at + 32));
    fourth = larger<T>(fourth, magnitudes<T>(at + 48));
  }
  const largest = larger<T>(larger<T>(first, second), larger<T>(third, fourth));
  if (v128.any_true(unbounded<T>(largest))) return false;
  for (let left = count & (atOnce - 1); left > 0; left--) {
    if (sizeof<T>() == 2 && isSigned<T>()) {
      if ((load<u16>(at) & 0x7c00) == 0x7c00) return false;
    } else {
      const value = load1<T>(at);
      if (value - value != 0) return false;
    }
    at += sizeof<T>();
  }
  return true;
}

// ── the mean ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** `acc[i] = acc[i] / divisor`. */
export function divide(acc: usize, count: usize, divisor: f64): void {
  const by = f64x2.splat(divisor);
  const end = acc + (count & ~1) * 8;
  for (; acc < end; acc += 16) v128.store(acc, f64x2.div(v128.load(acc), by));
  if (count & 1) store<f64>(acc, load<f64>(acc) / divisor);
}

/** `out[i] = acc[i]`, rounded to float32. `out` may be `acc`: what is written was read before. */
export function toFloat32(acc: usize, count: usize, out: usize): void {
  const end = acc + (count & ~3) * 8;
  for (; acc < end; acc += 32) {
    const low = f32x4.demote_f64x2_zero(v128.load(acc));
    const high = f32x4.demote_f64x2_zero(v128.load(acc, 16));
    v128.store(out, v128.shuffle<i64>(low, high, 0, 2));
    out += 16;
  }
  for (let left = count & 3; left > 0; left--) {
    store<f32>(out, <f32>load<f64>(acc));
    acc += 8;
    out += 4;
  }
}

// ── what is exported: one function for each dtype ───────────────────────────────────────────────────────────────────

export function fold1F32(acc: usize, count: usize, a: usize, wa: f64): void {
  fold1<f32>(acc, count, a, wa);
}
export function fold1F64(acc: usize, count: usize, a: usize, wa: f64): void {
  fold1<f64>(acc, count, a, wa);
}
export function fold1BF16(acc: usize, count: usize, a: usize, wa: f64): void {
  fold1<u16>(acc, count, a, wa);
}
export function fold1F16(acc: usize, count: usize, a: usize, wa: f64): void {
  fold1<i16>(acc, count, a, wa);
}
export function fold4F32(acc: usize, count: usize, a: usize, wa: f64, b: usize, wb: f64, c: usize, wc: f64, d: usize, wd: f64): void {
  fold4<f32>(acc, count, a, wa, b, wb, c, wc, d, wd);
}
export function fold4F64(acc: usize, count: usize, a: usize, wa: f64, b: usize, wb: f64, c: usize, wc: f64, d: usize, wd: f64): void {
  fold4<f64>(acc, count, a, wa, b, wb, c, wc, d, wd);
}
export function fold4BF16(acc: usize, count: usize, a: usize, wa: f64, b: usize, wb: f64, c: usize, wc: f64, d: usize, wd: f64): void {
  fold4<u16>(acc, count, a, wa, b, wb, c, wc, d, wd);
}
export function fold4F16(acc: usize, count: usize, a: usize, wa: f64, b: usize, wb: f64, c: usize, wc: f64, d: usize, wd: f64): void {
  fold4<i16>(acc, count, a, wa, b, wb, c, wc, d, wd);
}
export function checkF32(at: usize, count: usize): f64 {
  return check<f32>(at, count);
}
export function checkF64(at: usize, count: usize): f64 {
  return check<f64>(at, count);
}
export function checkBF16(at: usize, count: usize): f64 {
  return check<u16>(at, count);
}
export function checkF16(at: usize, count: usize): f64 {
  return check<i16>(at, count);
}

export function finiteF32(at: usize, count: usize): bool {
  return finite<f32>(at, count);
}
export function finiteF64(at: usize, count: usize): bool {
  return finite<f64>(at, count);
}
export function finiteBF16(at: usize, count: usize): bool {
  return finite<u16>(at, count);
}
export function finiteF16(at: usize, count: usize): bool {
  return finite<i16>(at, count);
}
