import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binomialTail } from '../../src/selection/binomial.ts';
import { adaptOverSelection, type OverSelectionOptions } from '../../src/selection/over-selection.ts';
import { ReportingTimes } from '../../src/selection/reporting-times.ts';

describe('the tail of a binomial distribution', () => {
  it.each([
    { trials: 5, share: 0.5, atLeast: 3, tail: 0.5 },
    { trials: 10, share: 0.9, atLeast: 10, tail: 0.3486784401 },
    { trials: 12, share: 0.9, atLeast: 10, tail: 0.889130022 },
    { trials: 13, share: 0.9, atLeast: 10, tail: 0.9658392791 },
    { trials: 20, share: 0.01, atLeast: 1, tail: 0.1820930624 },
    { trials: 1, share: 0, atLeast: 1, tail: 0 },
    { trials: 3, share: 1, atLeast: 3, tail: 1 },
    { trials: 3, share: 0.5, atLeast: 4, tail: 0 },
    { trials: 3, share: 0.5, atLeast: 0, tail: 1 },
  ])('is $tail for at least $atLeast of $trials at $share', ({ tail, ...question }) => {
    expect(binomialTail(question)).toBeCloseTo(tail, 9);
  });

  it('equals the sum of its terms', () => {
    const sumOfTerms = (trials: number, share: number, atLeast: number) => {
      let term = (1 - share) ** trials;
      let sum = 0;
      for (let successes = 0; successes <= trials; successes += 1) {
        if (successes >= atLeast) sum += term;
        term *= ((trials - successes) / (successes + 1)) * (share / (1 - share));
      }
      return sum;
    };
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.double({ min: 0.05, max: 0.95, noNaN: true }),
        fc.nat({ max: 200 }),
        (trials, share, atLeast) => {
          expect(binomialTail({ trials, share, atLeast })).toBeCloseTo(sumOfTerms(trials, share, atLeast), 8);
        },
      ),
    );
  });

  it('holds for ten million', () => {
    // By symmetry one half, and half of the middle term: 1 / sqrt(2π · 10^7).
    const tail = binomialTail({ trials: 10_000_000, share: 0.5, atLeast: 5_000_000 });
    expect(tail).toBeCloseTo(0.5 + 0.5 / Math.sqrt(Math.PI * 5_000_000), 6);
  });
});

/** Outcomes: times of those that reported, ms; how many were lost; when waiting for others ended. */
function timesOf(given: { reported?: readonly number[]; gone?: number; pending?: readonly number[] }): ReportingTimes {
  const times = new ReportingTimes();
  for (const ms of given.reported ?? []) times.reported(ms);
  for (let client = 0; client < (given.gone ?? 0); client += 1) times.gone();
  for (const ms of given.pending ?? []) times.pending(ms);
  return times;
}

const repeated = (ms: number, count: number) => Array.from({ length: count }, () => ms);

describe('reporting times', () => {
  it('are shares of those selected, the lost ones too', () => {
    const times = timesOf({ reported: [10, 20, 30], gone: 1 });
    expect([9, 10, 25, 30, 1e9].map((ms) => times.shareBy(ms))).toEqual([0, 0.25, 0.5, 0.75, 0.75]);
    expect(new ReportingTimes().shareBy(10)).toBe(0);
  });

  it('take a client that nobody waited for to be like those that were waited for longer', () => {
    // After 10 ms, 4 of 4 are left to report; one does. Then two are cut off at 15. Of the one left, all report by 20.
    const times = timesOf({ reported: [10, 20], pending: [15, 15] });
    expect(times.shareBy(12)).toBeCloseTo(1 / 4, 12);
    expect(times.shareBy(20)).toBe(1);
  });

  it('say nothing beyond what was waited for', () => {
    expect(timesOf({ reported: [10], pending: [50, 50, 50] }).shareBy(1e9)).toBeCloseTo(1 / 4, 12);
  });

  it('count one that reports when the waiting ends as reported, in whichever order they are told', () => {
    expect(timesOf({ reported: [10], pending: [10] }).shareBy(10)).toBe(0.5);
    const other = new ReportingTimes();
    other.pending(10);
    other.reported(10);
    expect(other.shareBy(10)).toBe(0.5);
  });

  it('forget all but the newest 2,048', () => {
    const times = timesOf({ gone: 5_000, reported: repeated(10, 2_048) });
    expect(times.count).toBe(2_048);
    for (let client = 0; client < 2_048; client += 1) times.reported(10);
    expect(times.shareBy(10)).toBeCloseTo(1, 12);
  });
});

const options: OverSelectionOptions = {
  cohortSize: 10,
  trainingWindowMs: 1_000,
  confidence: 0.95,
  factorMax: 2,
  factorAtFirst: 1.3,
};

describe('over-selection', () => {
  it('is what the plan says until 30 outcomes were seen', () => {
    const times = timesOf({ reported: repeated(10, 29) });
    expect(adaptOverSelection(times, options)).toEqual({
      factor: 1.3,
      selected: 13,
      reportingShare: null,
      probability: null,
      outcomes: 29,
      summary: '29 outcomes seen, fewer than 30: 1.3 times as at first',
    });
    times.gone();
    expect(adaptOverSelection(times, options).reportingShare).not.toBeNull();
  });

  it('is the least that gives cohortSize with the confidence asked for', () => {
    // 90 of 100 report, counted as 91 of 102: of 13, at least 10 report with probability 0.956; of 12, 0.868.
    const times = timesOf({ reported: repeated(10, 90), gone: 10 });
    const adapted = adaptOverSelection(times, options);
    expect(adapted).toMatchObject({ selected: 13, factor: 1.3, outcomes: 100 });
    expect(adapted.reportingShare).toBeCloseTo(91 / 102, 12);
    expect(adapted.probability).toBeCloseTo(0.9564602065, 9);
    expect(adapted.summary).toBe(
      '89.2 % of selected clients report within 1000 ms (100 outcomes), so 13 selected give 10 with probability 95.6 %',
    );
    expect(adaptOverSelection(times, { ...options, cohortSize: 100 }).selected).toBe(118);
  });

  it('counts those that report after the training window as not reporting', () => {
    const times = timesOf({ reported: [...repeated(10, 90), ...repeated(5_000, 10)] });
    expect(adaptOverSelection(times, options).selected).toBe(13);
    expect(adaptOverSelection(times, { ...options, trainingWindowMs: 5_000 }).selected).toBe(11);
  });

  it('never goes beyond the largest factor, and says what that can do', () => {
    const times = timesOf({ reported: repeated(10, 30), gone: 70 });
    const adapted = adaptOverSelection(times, options);
    expect(adapted).toMatchObject({ selected: 20, factor: 2 });
    expect(adapted.probability).toBeLessThan(0.95);
    expect(adapted.summary).toMatch(/, the most that 2 times can do$/);
  });

  it('stays between one and the largest factor, and asks for no fewer when fewer report', () => {
    const counts = fc.nat({ max: 200 });
    fc.assert(
      fc.property(counts, counts, fc.integer({ min: 1, max: 2_000 }), (reported, gone, cohortSize) => {
        const adapted = adaptOverSelection(timesOf({ reported: repeated(10, reported), gone }), {
          ...options,
          cohortSize,
        });
        expect(adapted.selected).toBeGreaterThanOrEqual(cohortSize);
        expect(adapted.selected).toBeLessThanOrEqual(2 * cohortSize);
        if (reported + gone < 30 || reported === 0) return;
        const worse = adaptOverSelection(timesOf({ reported: repeated(10, reported - 1), gone: gone + 1 }), {
          ...options,
          cohortSize,
        });
        expect(worse.selected).toBeGreaterThanOrEqual(adapted.selected);
      }),
    );
  });
});
