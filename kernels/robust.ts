/**
 * The inner loops of robust aggregation, in AssemblyScript, beside `fold.ts`; compiled by `npm run build:kernels` into
 * `src/aggregator/kernels/robust-wasm.ts`. Sorting is not here: its code is made for each number of updates by
 * `src/aggregator/kernels/sorter.ts`.
 *
 * Rows lie `stride` bytes apart, begin at a multiple of 16 and hold a column each 4 (float32) or 8 (float64) bytes. What
 * is read beyond a row's `count` values must be there, but does not matter.
 */
import { load1, load4, lower, upper } from './decode';

// ── decoding ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** `out[i] = values[i]` as float64. */
// @ts-ignore: decorator
@inline
function promote<T>(at: usize, count: usize, out: usize): void {
  const end = out + (count & ~3) * 8;
  for (; out < end; out += 32) {
    const four = load4<T>(at);
    v128.store(out, lower(four));
    v128.store(out, upper(four), 16);
    at += 4 * sizeof<T>();
  }
  for (let left = count & 3; left > 0; left--) {
    store<f64>(out, load1<T>(at));
    at += sizeof<T>();
    out += 8;
  }
}

// ── the mean of rows ────────────────────────────────────────────────────────────────────────────────────────────────

/** For each column the mean of its `n` values, added from +0 on in the order of the rows. */
// @ts-ignore: decorator
@inline
function mean<T>(rows: usize, stride: usize, n: usize, count: usize, out: usize): void {
  const divisor = f64x2.splat(<f64>n);
  const end = out + (count & ~3) * 8;
  for (; out < end; out += 32) {
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    let at = rows;
    for (let row = n; row > 0; row--) {
      const four = load4<T>(at);
      low = f64x2.add(low, lower(four));
      high = f64x2.add(high, upper(four));
      at += stride;
    }
    v128.store(out, f64x2.div(low, divisor));
    v128.store(out, f64x2.div(high, divisor), 16);
    rows += 4 * sizeof<T>();
  }
  for (let left = count & 3; left > 0; left--) {
    let sum: f64 = 0;
    let at = rows;
    for (let row = n; row > 0; row--) {
      sum += load1<T>(at);
      at += stride;
    }
    store<f64>(out, sum / <f64>n);
    rows += sizeof<T>();
    out += 8;
  }
}

/** The first and second of four values, as float64. */
// @ts-ignore: decorator
@inline
function lowOf<T>(at: usize): v128 {
  return sizeof<T>() == 8 ? v128.load(at) : lower(load4<T>(at));
}

/** The third and fourth of four values, as float64. */
// @ts-ignore: decorator
@inline
function highOf<T>(at: usize): v128 {
  return sizeof<T>() == 8 ? v128.load(at, 16) : upper(load4<T>(at));
}

// ── distances ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** Σ (values[i] − centre[i])², in four sums: of every fourth value each. */
// @ts-ignore: decorator
@inline
function distance<T>(at: usize, centre: usize, count: usize): f64 {
  let first = f64x2.splat(0);
  let second = f64x2.splat(0);
  const end = centre + (count & ~3) * 8;
  for (; centre < end; centre += 32) {
    let low: v128;
    let high: v128;
    if (sizeof<T>() == 8) {
      low = v128.load(at);
      high = v128.load(at, 16);
    } else {
      const four = load4<T>(at);
      low = lower(four);
      high = upper(four);
    }
    low = f64x2.sub(low, v128.load(centre));
    high = f64x2.sub(high, v128.load(centre, 16));
    first = f64x2.add(first, f64x2.mul(low, low));
    second = f64x2.add(second, f64x2.mul(high, high));
    at += 4 * sizeof<T>();
  }
  const sums = f64x2.add(first, second);
  let sum = f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1);
  for (let left = count & 3; left > 0; left--) {
    const difference = load1<T>(at) - load<f64>(centre);
    sum += difference * difference;
    at += sizeof<T>();
    centre += 8;
  }
  return sum;
}

// @ts-ignore: decorator
@inline
function squared(sum: v128, a: v128, b: v128): v128 {
  const difference = f64x2.sub(a, b);
  return f64x2.add(sum, f64x2.mul(difference, difference));
}

// @ts-ignore: decorator
@inline
function addLanes(at: usize, sums: v128): void {
  store<f64>(at, load<f64>(at) + (f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1)));
}

/**
 * `out[i · n + j] += Σ (rowᵢ − rowⱼ)²` for i < j, float64. Two rows are held against four at a time, so that eight sums
 * stay in registers; what comes out below the diagonal is of no use. `n` is a multiple of 4, `count` of 2.
 */
export function pairwise(rows: usize, stride: usize, n: usize, count: usize, out: usize): void {
  const bytes = count * 8;
  for (let i: usize = 0; i < n; i += 2) {
    for (let j: usize = i & ~3; j < n; j += 4) {
      let a = rows + i * stride;
      let b = rows + j * stride;
      let a0 = f64x2.splat(0);
      let a1 = f64x2.splat(0);
      let a2 = f64x2.splat(0);
      let a3 = f64x2.splat(0);
      let b0 = f64x2.splat(0);
      let b1 = f64x2.splat(0);
      let b2 = f64x2.splat(0);
      let b3 = f64x2.splat(0);
      for (const end = a + bytes; a < end; a += 16) {
        const one = v128.load(a);
        const two = v128.load(a + stride);
        let other = v128.load(b);
        a0 = squared(a0, one, other);
        b0 = squared(b0, two, other);
        other = v128.load(b + stride);
        a1 = squared(a1, one, other);
        b1 = squared(b1, two, other);
        other = v128.load(b + 2 * stride);
        a2 = squared(a2, one, other);
        b2 = squared(b2, two, other);
        other = v128.load(b + 3 * stride);
        a3 = squared(a3, one, other);
        b3 = squared(b3, two, other);
        b += 16;
      }
      const first = out + (i * n + j) * 8;
      addLanes(first, a0);
      addLanes(first + 8, a1);
      addLanes(first + 16, a2);
      addLanes(first + 24, a3);
      const second = first + n * 8;
      addLanes(second, b0);
      addLanes(second + 8, b1);
      addLanes(second + 16, b2);
      addLanes(second + 24, b3);
    }
  }
}

// ── around the median ───────────────────────────────────────────────────────────────────────────────────────────────

/** As {@link around}, for one column; `rows` is where it begins. */
// @ts-ignore: decorator
@inline
function aroundOne<T>(rows: usize, stride: usize, n: usize, keep: usize): f64 {
  const median = (load1<T>(rows + ((n - 1) >> 1) * stride) + load1<T>(rows + (n >> 1) * stride)) / 2;
  let low = rows;
  let high = rows + (n - 1) * stride;
  for (let surplus = n - keep; surplus > 0; surplus--) {
    if (median - load1<T>(low) > load1<T>(high) - median) low += stride;
    else high -= stride;
  }
  let sum: f64 = 0;
  for (let row = low; row <= high; row += stride) sum += load1<T>(row);
  return sum / <f64>keep;
}

/** 1 where a value lies farther below the median than another above it, else 0. */
// @ts-ignore: decorator
@inline
function isFarther(median: v128, below: v128, above: v128): v128 {
  const isSo = f64x2.gt(f64x2.sub(median, below), f64x2.sub(above, median));
  return v128.and(isSo, f64x2.splat(1));
}

/** The value where its row is one of the `keep` from `first` on, else +0. */
// @ts-ignore: decorator
@inline
function within(value: v128, row: v128, first: v128, keep: v128): v128 {
  const place = f64x2.sub(row, first);
  return v128.and(value, v128.and(f64x2.ge(place, f64x2.splat(0)), f64x2.lt(place, keep)));
}

/**
 * For each column of `n` sorted values: the mean of the `keep` that are closest to their median. They are neighbours, and
 * the first is the one below which every value is farther off than the one that stands `keep` places on: so four columns
 * are worked on at a time, without a branch.
 */
// @ts-ignore: decorator
@inline
function around<T>(rows: usize, stride: usize, n: usize, keep: usize, count: usize, out: usize): void {
  const kept = f64x2.splat(<f64>keep);
  const two = f64x2.splat(2);
  const end = out + (count & ~3) * 8;
  for (; out < end; out += 32) {
    const oneMiddle = rows + ((n - 1) >> 1) * stride;
    const otherMiddle = rows + (n >> 1) * stride;
    const lowMedian = f64x2.div(f64x2.add(lowOf<T>(oneMiddle), lowOf<T>(otherMiddle)), two);
    const highMedian = f64x2.div(f64x2.add(highOf<T>(oneMiddle), highOf<T>(otherMiddle)), two);
    let lowFirst = f64x2.splat(0);
    let highFirst = f64x2.splat(0);
    let at = rows;
    let above = rows + keep * stride;
    for (let surplus = n - keep; surplus > 0; surplus--) {
      lowFirst = f64x2.add(lowFirst, isFarther(lowMedian, lowOf<T>(at), lowOf<T>(above)));
      highFirst = f64x2.add(highFirst, isFarther(highMedian, highOf<T>(at), highOf<T>(above)));
      at += stride;
      above += stride;
    }
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    at = rows;
    for (let row: usize = 0; row < n; row++) {
      const place = f64x2.splat(<f64>row);
      low = f64x2.add(low, within(lowOf<T>(at), place, lowFirst, kept));
      high = f64x2.add(high, within(highOf<T>(at), place, highFirst, kept));
      at += stride;
    }
    v128.store(out, f64x2.div(low, kept));
    v128.store(out, f64x2.div(high, kept), 16);
    rows += 4 * sizeof<T>();
  }
  for (let left = count & 3; left > 0; left--) {
    store<f64>(out, aroundOne<T>(rows, stride, n, keep));
    rows += sizeof<T>();
    out += 8;
  }
}

// ── what is exported ────────────────────────────────────────────────────────────────────────────────────────────────

export function copy(at: usize, bytes: usize, out: usize): void {
  memory.copy(out, at, bytes);
}
export function promoteF32(at: usize, count: usize, out: usize): void {
  promote<f32>(at, count, out);
}
export function promoteF64(at: usize, count: usize, out: usize): void {
  memory.copy(out, at, count * 8);
}
export function promoteBF16(at: usize, count: usize, out: usize): void {
  promote<u16>(at, count, out);
}
export function promoteF16(at: usize, count: usize, out: usize): void {
  promote<i16>(at, count, out);
}
export function distanceF32(at: usize, centre: usize, count: usize): f64 {
  return distance<f32>(at, centre, count);
}
export function distanceF64(at: usize, centre: usize, count: usize): f64 {
  return distance<f64>(at, centre, count);
}
export function distanceBF16(at: usize, centre: usize, count: usize): f64 {
  return distance<u16>(at, centre, count);
}
export function distanceF16(at: usize, centre: usize, count: usize): f64 {
  return distance<i16>(at, centre, count);
}
export function meanBF16(rows: usize, stride: usize, n: usize, count: usize, out: usize): void {
  mean<u16>(rows, stride, n, count, out);
}
export function meanF16(rows: usize, stride: usize, n: usize, count: usize, out: usize): void {
  mean<i16>(rows, stride, n, count, out);
}
export function aroundF32(rows: usize, stride: usize, n: usize, keep: usize, count: usize, out: usize): void {
  around<f32>(rows, stride, n, keep, count, out);
}
export function aroundF64(rows: usize, stride: usize, n: usize, keep: usize, count: usize, out: usize): void {
  around<f64>(rows, stride, n, keep, count, out);
}
export function aroundBF16(rows: usize, stride: usize, n: usize, keep: usize, count: usize, out: usize): void {
  around<u16>(rows, stride, n, keep, count, out);
}
export function aroundF16(rows: usize, stride: usize, n: usize, keep: usize, count: usize, out: usize): void {
  around<i16>(rows, stride, n, keep, count, out);
}
