import { expect, it } from 'vitest';
import { minutesToTarget, stragglers } from '../../examples/experiments/stragglers.ts';

it('FedBuff is where synchronous rounds are not in two and a half times the time, with clients of very different speed', {
  timeout: 120_000,
}, async () => {
  const minutes = 12;
  const experiment = stragglers({ clients: 40, imagesPerClient: 50, minutes, seeds: [1] });
  const minutesOf = async (variant: string) => {
    const outcome = await experiment.run({ experiment: 'stragglers', variant, seed: 1 }, () => undefined);
    expect(outcome.points.at(-1)?.[0]).toBe(minutes);
    return minutesToTarget([outcome], variant, 0.5)?.median ?? null;
  };
  expect(await minutesOf('FedBuff')).toBeLessThan(0.4 * minutes);
  expect(await minutesOf('synchronous')).toBeNull();
});
