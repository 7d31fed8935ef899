/**
 * Seats in proportion to sizes, by largest remainder (Hamilton's method): each share is the exact one rounded down or
 * up, and they add up to min(seats, Σ sizes).
 * @param sizes integers ≥ 0. @param tieOf decides between equal remainders, higher first. O(n log n).
 */
export function quotasOf(sizes: readonly number[], seats: number, tieOf: (index: number) => number): number[] {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const given = Math.min(seats, total);
  if (total === 0) return sizes.map(() => 0);
  const quotas = sizes.map((size) => Math.floor((given * size) / total));
  const left = given - quotas.reduce((sum, quota) => sum + quota, 0);
  // Remainders as integers, so that equal ones are equal: given × size stays below 2^53 for 90 million of each.
  const remainderOf = (index: number) => (given * (sizes[index] ?? 0)) % total;
  const order = sizes
    .map((_, index) => index)
    .sort((a, b) => remainderOf(b) - remainderOf(a) || tieOf(b) - tieOf(a) || a - b);
  for (const index of order.slice(0, left)) quotas[index] = (quotas[index] ?? 0) + 1;
  return quotas;
}
