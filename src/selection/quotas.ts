/**
 * Seats in proportion to sizes: each share is the exact one rounded down or up, they add up to min(seats, Σ sizes), and
 * on average each is the exact one. So also a single seat, as for a client that replaces another, falls to each in
 * proportion, and not always to the largest. Systematic sampling: Madow & Madow 1944, On the theory of systematic
 * sampling, Annals of Mathematical Statistics 15. O(n).
 * @param sizes integers ≥ 0. @param unit where the counting begins, 0 ≤ unit < 1.
 */
export function quotasOf(sizes: readonly number[], seats: number, unit: number): number[] {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total === 0) return sizes.map(() => 0);
  const given = Math.min(seats, total);
  const offset = Math.floor(unit * total);
  let reached = 0;
  let seated = 0;
  return sizes.map((size) => {
    reached += size;
    // In integers, so that exact shares are met: given × total stays below 2^53 for 90 million of each.
    const upTo = Math.floor((given * reached + offset) / total);
    const quota = upTo - seated;
    seated = upTo;
    return quota;
  });
}
