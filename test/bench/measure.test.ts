import { describe, expect, it } from 'vitest';
import { alternate, median, medianRatio, percentile } from '../../bench/support/measure.ts';
import { atLeast, atMost } from '../../bench/support/report.ts';

describe('what benchmarks measure with', () => {
  it('takes the middle, or the mean of the two in the middle', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([9, 1, 5, 7])).toBe(6);
  });

  it('takes percentiles by rank', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(percentile(hundred, 0.99)).toBe(99);
    expect(percentile(hundred, 0.5)).toBe(50);
    expect(percentile([3], 0.99)).toBe(3);
  });

  it('compares turn by turn, so that a slow turn of both changes nothing', () => {
    expect(medianRatio([2, 20, 4], [1, 10, 2])).toBe(2);
  });

  it('takes turns, and does not count those that warm up', async () => {
    const order: string[] = [];
    const trial = (name: string) => () => order.push(name);
    const results = await alternate({ a: trial('a'), b: trial('b') }, 2);
    expect(order).toEqual(['a', 'b', 'a', 'b', 'a', 'b']);
    expect(results).toEqual({ a: [3, 5], b: [4, 6] });
    expect(await alternate({ a: () => 1 }, 1, 0)).toEqual({ a: [1] });
  });

  it('says how far a figure is from what is wanted, whichever way it points', () => {
    expect(atLeast(0.5, 1)).toEqual({ wanted: '≥ 0.5 ×', margin: 2, isMet: true });
    expect(atLeast(1_000_000, 500_000, 'per second')).toMatchObject({ margin: 0.5, isMet: false });
    expect(atMost(25, 50, 'ms')).toEqual({ wanted: '≤ 25 ms', margin: 0.5, isMet: false });
    expect(atMost(25, 25, 'ms').isMet).toBe(true);
  });
});
