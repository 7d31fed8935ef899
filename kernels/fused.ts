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

// @ts-ignore: decorator
@inline
function finite(squares: v128): f64 {
  const sum = f64x2.extract_lane(squares, 0) + f64x2.extract_lane(squares, 1);
  return sum - sum == 0 ? sum : NaN;
}

/**
 * `acc[i] += Σ weightₖ · updateₖ[i]` for four float32 updates, as `fold4F32`, and for each of them Σ value², NaN when one
 * is not finite, at `squares`. @param count a multiple of 4.
 */
export function foldAndCheck4F32(
  acc: usize, count: usize, a: usize, wa: f64, b: usize, wb: f64, c: usize, wc: f64, d: usize, wd: f64, squares: usize,
): void {
  const weightA = f64x2.splat(wa);
  const weightB = f64x2.splat(wb);
  const weightC = f64x2.splat(wc);
  const weightD = f64x2.splat(wd);
  let squaresA = f64x2.splat(0);
  let squaresB = f64x2.splat(0);
  let squaresC = f64x2.splat(0);
  let squaresD = f64x2.splat(0);
  const end = acc + count * 8;
  for (; acc < end; acc += 32) {
    let low = v128.load(acc);
    let high = v128.load(acc, 16);
    let four = v128.load(a);
    let one = f64x2.promote_low_f32x4(four);
    let two = upper(four);
    low = f64x2.add(low, f64x2.mul(weightA, one));
    high = f64x2.add(high, f64x2.mul(weightA, two));
    squaresA = f64x2.add(squaresA, f64x2.add(f64x2.mul(one, one), f64x2.mul(two, two)));
    four = v128.load(b);
    one = f64x2.promote_low_f32x4(four);
    two = upper(four);
    low = f64x2.add(low, f64x2.mul(weightB, one));
    high = f64x2.add(high, f64x2.mul(weightB, two));
    squaresB = f64x2.add(squaresB, f64x2.add(f64x2.mul(one, one), f64x2.mul(two, two)));
    four = v128.load(c);
    one = f64x2.promote_low_f32x4(four);
    two = upper(four);
    low = f64x2.add(low, f64x2.mul(weightC, one));
    high = f64x2.add(high, f64x2.mul(weightC, two));
    squaresC = f64x2.add(squaresC, f64x2.add(f64x2.mul(one, one), f64x2.mul(two, two)));
    four = v128.load(d);
    one = f64x2.promote_low_f32x4(four);
    two = upper(four);
    low = f64x2.add(low, f64x2.mul(weightD, one));
    high = f64x2.add(high, f64x2.mul(weightD, two));
    squaresD = f64x2.add(squaresD, f64x2.add(f64x2.mul(one, one), f64x2.mul(two, two)));
    v128.store(acc, low);
    v128.store(acc, high, 16);
    a += 16;
    b += 16;
    c += 16;
    d += 16;
  }
  store<f64>(squares, finite(squaresA));
  store<f64>(squares, finite(squaresB), 8);
  store<f64>(squares, finite(squaresC), 16);
  store<f64>(squares, finite(squaresD), 24);
}
