/**
 * A fold that checks what it reads, in one pass, for the benchmark alone. The server cannot use it: an update is accepted,
 * and its client told so, before it is folded, so it has to be known to be good by then; and a check that comes after
 * the fold would have to take a bad update out of the sum again, which in floating point does not give the old bits.
 */

// @ts-ignore: decorator
@inline
function upper(four: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i64>(four, four, 1, 0));
}

/** What is not finite has the largest exponent: so the largest magnitude of all says it. */
// @ts-ignore: decorator
@inline
function larger(largest: v128, four: v128): v128 {
  return i32x4.max_u(largest, v128.and(four, i32x4.splat(0x7fffffff)));
}

// @ts-ignore: decorator
@inline
function isFinite(largest: v128): u32 {
  return v128.any_true(i32x4.ge_u(largest, i32x4.splat(0x7f800000))) ? 0 : 1;
}

/**
 * `acc[i] += Σ weightₖ · updateₖ[i]` for four float32 updates, as `fold4F32`, and for each of them, at `finite`, a
 * uint32: 1 when every value is finite, else 0. @param count a multiple of 4.
 */
export function foldAndCheck4F32(
  acc: usize, count: usize, a: usize, wa: f64, b: usize, wb: f64, c: usize, wc: f64, d: usize, wd: f64, finite: usize,
): void {
  const weightA = f64x2.splat(wa);
  const weightB = f64x2.splat(wb);
  const weightC = f64x2.splat(wc);
  const weightD = f64x2.splat(wd);
  let largestA = i32x4.splat(0);
  let largestB = i32x4.splat(0);
  let largestC = i32x4.splat(0);
  let largestD = i32x4.splat(0);
  const end = acc + count * 8;
  for (; acc < end; acc += 32) {
    let low = v128.load(acc);
    let high = v128.load(acc, 16);
    let four = v128.load(a);
    let one = f64x2.promote_low_f32x4(four);
    let two = upper(four);
    low = f64x2.add(low, f64x2.mul(weightA, one));
    high = f64x2.add(high, f64x2.mul(weightA, two));
    largestA = larger(largestA, four);
    four = v128.load(b);
    one = f64x2.promote_low_f32x4(four);
    two = upper(four);
    low = f64x2.add(low, f64x2.mul(weightB, one));
    high = f64x2.add(high, f64x2.mul(weightB, two));
    largestB = larger(largestB, four);
    four = v128.load(c);
    one = f64x2.promote_low_f32x4(four);
    two = upper(four);
    low = f64x2.add(low, f64x2.mul(weightC, one));
    high = f64x2.add(high, f64x2.mul(weightC, two));
    largestC = larger(largestC, four);
    four = v128.load(d);
    one = f64x2.promote_low_f32x4(four);
    two = upper(four);
    low = f64x2.add(low, f64x2.mul(weightD, one));
    high = f64x2.add(high, f64x2.mul(weightD, two));
    largestD = larger(largestD, four);
    v128.store(acc, low);
    v128.store(acc, high, 16);
    a += 16;
    b += 16;
    c += 16;
    d += 16;
  }
  store<u32>(finite, isFinite(largestA));
  store<u32>(finite, isFinite(largestB), 4);
  store<u32>(finite, isFinite(largestC), 8);
  store<u32>(finite, isFinite(largestD), 12);
}
