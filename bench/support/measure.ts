/** The middle one of several, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? Number.NaN) + upper) / 2;
}

/** The value below which a share of them lies. @param share 0 to 1 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export type Trial = () => number | Promise<number>;

/**
 * Takes turns between the trials, so that whatever else the machine does falls on all of them.
 * @param warmUps turns before those that count. @returns what each trial measured, turn by turn.
 */
export async function alternate<Name extends string>(
  trials: Readonly<Record<Name, Trial>>,
  repeats: number,
  warmUps = 1,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(trials) as Name[];
  const results = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let turn = -warmUps; turn < repeats; turn += 1) {
    for (const name of names) {
      const value = await trials[name]();
      if (turn >= 0) results[name].push(value);
    }
  }
  return results;
}

/** The median of the ratios of each turn: steadier than the ratio of the medians where the machine's speed changes. */
export const medianRatio = (numerators: readonly number[], denominators: readonly number[]): number =>
  median(numerators.map((value, turn) => value / (denominators[turn] ?? Number.NaN)));

/** Time that `act` takes, ms. */
export async function timed(act: () => unknown): Promise<number> {
  const startedAt = performance.now();
  await act();
  return performance.now() - startedAt;
}
