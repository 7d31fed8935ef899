/** Steps of the continued fraction; it needs about the square root of the number of trials. */
const stepsMax = 100_000;
const precision = 1e-14;
/** Stands in for a denominator of 0. */
const tiny = 1e-300;

/**
 * @returns the probability that at least `atLeast` of `trials` independent trials succeed, each with chance `share`.
 * Equals the regularised incomplete beta function I_share(atLeast, trials − atLeast + 1), NIST DLMF 8.17.5, here by its
 * continued fraction, 8.17.22; so 10 million trials cost thousands of steps, not millions. About 9 digits.
 */
export function binomialTail({ trials, share, atLeast }: { trials: number; share: number; atLeast: number }): number {
  if (atLeast <= 0) return 1;
  if (atLeast > trials) return 0;
  if (share <= 0) return 0;
  if (share >= 1) return 1;
  const [a, b] = [atLeast, trials - atLeast + 1];
  // The fraction converges fast below the mean of the beta distribution; above it, count the failures instead.
  return share < (a + 1) / (a + b + 2) ? betaShare(a, b, share) : 1 - betaShare(b, a, 1 - share);
}

/** I_x(a, b) for x below about a / (a + b). */
function betaShare(a: number, b: number, x: number): number {
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  return (front * betaFraction(a, b, x)) / a;
}

/** The continued fraction by Lentz's method, as modified by Thompson & Barnett 1986. */
function betaFraction(a: number, b: number, x: number): number {
  const nonZero = (value: number) => (Math.abs(value) < tiny ? tiny : value);
  let numerator = 1;
  let denominator = 1 / nonZero(1 - ((a + b) * x) / (a + 1));
  let value = denominator;
  for (let m = 1; m <= stepsMax; m += 1) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    denominator = 1 / nonZero(1 + even * denominator);
    numerator = nonZero(1 + even / numerator);
    value *= denominator * numerator;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    denominator = 1 / nonZero(1 + odd * denominator);
    numerator = nonZero(1 + odd / numerator);
    const change = denominator * numerator;
    value *= change;
    if (Math.abs(change - 1) < precision) break;
  }
  return value;
}

/** ln Γ(x) for x ≥ 1: Stirling's series (DLMF 5.11.1), after moving x up to where it is exact to the last digits. */
function logGamma(x: number): number {
  let shift = 0;
  let at = x;
  for (; at < 10; at += 1) shift += Math.log(at);
  const inverse = 1 / at;
  const square = inverse * inverse;
  const series = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1_260 - square * (1 / 1_680 - square / 1_188))));
  return (at - 0.5) * Math.log(at) - at + 0.5 * Math.log(2 * Math.PI) + series - shift;
}
