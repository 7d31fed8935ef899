import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/domain/random.ts';
import { all } from '../../src/selection/all.ts';
import { filtered } from '../../src/selection/filtered.ts';
import { reasonSentence } from '../../src/selection/reason.ts';
import { roundRobin } from '../../src/selection/round-robin.ts';
import { uniform } from '../../src/selection/uniform.ts';
import { inRegion, Population } from './population.ts';

const europeans = (count: number, others: number) =>
  new Population([
    ...Array.from({ length: others }, () => ({ attributes: { region: 'us' } })),
    ...Array.from({ length: count }, () => ({ attributes: { region: 'eu' } })),
  ]);

describe('a filtered policy', () => {
  it('says why a client was filtered out, and why one that passed was not drawn', () => {
    const population = new Population([
      { attributes: { region: 'us' } },
      { name: 'nameless place' },
      { attributes: { region: 'eu' } },
    ]);
    const { explain } = population.ask(filtered(inRegion('eu'), all), 5, seededRandom(1));
    expect([0, 1, 2].map((slot) => reasonSentence(explain(population.registry.idOf(slot))))).toEqual([
      'filtered out: attributes.region is "us"',
      'filtered out: attributes.region is not given',
      'chosen: all 1 were',
    ]);
  });

  it.each([
    ['most pass, so that a sample is enough', 900, 100],
    ['few pass, so that all are looked at', 10, 990],
  ])('draws each client that passes equally often, when %s', (_, passing, others) => {
    const population = europeans(passing, others);
    const policy = filtered(inRegion('eu'), uniform);
    const random = seededRandom(3);
    const times = new Map<number, number>();
    const selections = 4_000;
    for (let selection = 0; selection < selections; selection += 1) {
      for (const slot of population.slotsOf(population.ask(policy, 5, random))) {
        times.set(slot, (times.get(slot) ?? 0) + 1);
      }
    }
    expect([...times.keys()].every((slot) => slot >= others)).toBe(true);
    expect(times.size).toBe(passing);
    const expected = (selections * 5) / passing;
    // Five standard deviations, for up to 900 clients.
    const deviation = Math.sqrt(expected * (1 - 5 / passing));
    for (const count of times.values()) expect(Math.abs(count - expected)).toBeLessThan(5 * deviation);
  });

  it('draws each client equally often from those that passed, wherever it stands among them', () => {
    const population = europeans(4, 2);
    const random = seededRandom(5);
    const times = new Map<number, number>();
    // `all` has looked at everyone before it draws, so the order is the same each time.
    for (let selection = 0; selection < 6_000; selection += 1) {
      for (const slot of population.slotsOf(population.ask(filtered(inRegion('eu'), all), 2, random))) {
        times.set(slot, (times.get(slot) ?? 0) + 1);
      }
    }
    expect([...times.keys()].sort()).toEqual([2, 3, 4, 5]);
    // 6,000 × 2/4 with a standard deviation of 39.
    for (const count of times.values()) expect(Math.abs(count - 3_000)).toBeLessThan(195);
  });

  it('looks at a bounded sample where that is enough, and at each client no more than twice where it is not', () => {
    const looksFor = (passing: number, others: number) => {
      let looks = 0;
      const counting = {
        ...inRegion('eu'),
        test: (profile: Parameters<ReturnType<typeof inRegion>['test']>[0]) => {
          looks += 1;
          return profile.attributes?.region === 'eu';
        },
      };
      europeans(passing, others).ask(filtered(counting, uniform), 10, seededRandom(1));
      return looks;
    };
    expect(looksFor(5_000, 5_000)).toBe(64 + 8 * 10);
    expect(looksFor(5, 9_995)).toBe(64 + 8 * 10 + 10_000);
  });

  it('lets the policy see nobody else', () => {
    const population = europeans(4, 100);
    const random = seededRandom(1);
    for (let round = 0; round < 6; round += 1) population.select(filtered(inRegion('eu'), roundRobin), 2, random);
    const times = [100, 101, 102, 103].map((slot) => population.history.timesSelected(slot));
    expect(times).toEqual([3, 3, 3, 3]);
  });

  it('chooses nobody when nobody passes', () => {
    const population = europeans(0, 10);
    expect(population.ask(filtered(inRegion('eu'), uniform), 5, seededRandom(1)).clientIds).toEqual([]);
  });
});
