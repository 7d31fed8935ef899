import { expect, it } from 'vitest';
import type { StrategyName } from '../../src/domain/strategy-choice.ts';
import { createSimulation } from '../../src/testing/index.ts';

const strategies: readonly StrategyName[] = ['fedavgm', 'fedadam', 'fedprox', 'fedmedian', 'krum', 'bulyan', 'rfa'];

it.each(strategies)('%s commits all rounds and breaks no rule, whatever faults there are', async (strategy) => {
  for (const seed of [1, 2, 3, 4]) {
    const plan = { rounds: 4, cohortSize: 7, strategy } as const;
    const report = await createSimulation({ seed, clients: 12, faults: 'all', plan }).run();
    expect(report).toMatchObject({ violation: null, roundsCommitted: 4 });
  }
});
