import { expect, it } from 'vitest';
import { attackers } from '../../examples/experiments/attackers.ts';

it('destroys the mean by six of twenty clients that flip the sign, and not Multi-Krum', {
  timeout: 120_000,
}, async () => {
  const experiment = attackers({ rounds: { iid: 4, 'two-digits': 4 }, imagesPerClient: 100, seeds: [1] });
  const lastOf = async (variant: string) =>
    (await experiment.run({ experiment: 'attackers', variant, seed: 1 }, () => undefined)).last;
  const calm = await lastOf('Multi-Krum, none, 0 %, iid');
  expect(calm).toBeGreaterThan(0.6);
  expect(await lastOf('Multi-Krum, sign-flip, 30 %, iid')).toBeGreaterThan(calm - 0.03);
  expect(await lastOf('mean, sign-flip, 30 %, iid')).toBeLessThan(0.2);
});
