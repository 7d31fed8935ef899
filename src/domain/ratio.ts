/**
 * Ratios in exact arithmetic. A ratio is meant as the decimal its user wrote, not as the double nearest to it:
 * `0.07 × 100` is 7 and `0.29 × 100` is 29, though doubles say 7.000000000000001 and 28.999999999999996.
 */
function decimalFraction(ratio: number): { numerator: bigint; denominator: bigint } {
  const [mantissa = '0', exponent = '0'] = ratio.toString().split('e');
  const [whole = '0', fraction = ''] = mantissa.split('.');
  const shift = Number(exponent) - fraction.length;
  const digits = BigInt(whole + fraction);
  return shift >= 0
    ? { numerator: digits * 10n ** BigInt(shift), denominator: 1n }
    : { numerator: digits, denominator: 10n ** BigInt(-shift) };
}

/** @returns ⌈ratio × count⌉ exactly. @param ratio finite, ≥ 0. @param count integer, 0 to 2^53 − 1. */
export function ratioCeil(ratio: number, count: number): number {
  const { numerator, denominator } = decimalFraction(ratio);
  return Number((numerator * BigInt(count) + denominator - 1n) / denominator);
}

/** @returns ⌊ratio × count⌋ exactly. @param ratio finite, ≥ 0. @param count integer, 0 to 2^53 − 1. */
export function ratioFloor(ratio: number, count: number): number {
  const { numerator, denominator } = decimalFraction(ratio);
  return Number((numerator * BigInt(count)) / denominator);
}
