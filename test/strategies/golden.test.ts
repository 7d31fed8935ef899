import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { strategyCatalogue } from '../../src/strategies/catalogue.ts';
import { strategyOf, Training, type Update } from './drive.ts';

interface Case {
  about: string;
  strategy: string;
  parameters: Record<string, unknown>;
  base: number[];
  rounds: Update[][];
  expected: number[][];
}

const lines = readFileSync(new URL('./golden/golden.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n');
const cases = lines.map((line) => JSON.parse(line) as Case);
/** Between exact arithmetic and float64, in units of the largest value that took part. */
const tolerance = 1e-13;

function expectClose(actual: readonly number[], expected: readonly number[], scale: number): void {
  expect(actual).toHaveLength(expected.length);
  actual.forEach((value, index) => {
    const allowed = tolerance * Math.max(Math.abs(expected[index] ?? 0), scale);
    expect(Math.abs(value - (expected[index] ?? 0)), `element ${index}`).toBeLessThanOrEqual(allowed);
  });
}

describe.each(['weights', 'deltas'] as const)('the strategies, fed with %s', (updateKind) => {
  describe.each(['wasm', 'plain'] as const)('in %s memory', (memory) => {
    it.each(cases.map((each) => ({ ...each, name: `${each.strategy}: ${each.about}` })))(
      '$name, equals exact arithmetic',
      ({ strategy, parameters, base, rounds, expected }) => {
        const training = new Training(strategyOf(strategy, parameters), base, { memory, updateKind });
        rounds.forEach((updates, round) => {
          const values = [...training.model, ...updates.flatMap((update) => update.values)];
          // Tiny updates of robust strategies must be right in their own scale; the others are beside their base.
          const isBeside = training.model.some((value) => value !== 0) && isRunning(strategy);
          const scale = isBeside ? Math.max(...values.map(Math.abs)) : 0;
          expectClose(training.round(updates), expected[round] ?? [], scale);
        });
      },
    );
  });
});

const isRunning = (name: string): boolean => strategyOf(name).kind === 'running';

it('has a golden case for every strategy', () => {
  const tested = new Set(cases.map(({ strategy }) => strategy));
  expect(strategyCatalogue.map(({ name }) => name).filter((name) => !tested.has(name))).toEqual([]);
});
