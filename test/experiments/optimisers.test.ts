import { expect, it } from 'vitest';
import { optimisers } from '../../examples/experiments/optimisers.ts';

it('FedAdam is quicker than FedAvg where each client has two digits', { timeout: 120_000 }, async () => {
  const experiment = optimisers({ rounds: 10, clients: 20, imagesPerClient: 100, seeds: [3] });
  const roundsTo = async (variant: string, accuracy: number) => {
    const { points } = await experiment.run({ experiment: 'optimisers', variant, seed: 3 }, () => undefined);
    expect(points.map(([round]) => round)).toEqual(Array.from({ length: 10 }, (_, index) => index + 1));
    return points.find(([, reached]) => reached >= accuracy)?.[0] ?? Number.POSITIVE_INFINITY;
  };
  expect(await roundsTo('FedAdam', 0.65)).toBeLessThan(await roundsTo('FedAvg', 0.65));
});
