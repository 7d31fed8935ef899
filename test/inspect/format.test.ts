import { describe, expect, it } from 'vitest';

interface Format {
  durationText(ms: number): string;
  stateText(value: unknown): string;
  eventText(type: string): string;
  numbersOf(context: unknown): [string, string][];
  deadlineOf(context: unknown): { deadlineAtMs: number; sinceMs: number | null } | null;
}
const format: Format = await import(new URL('../../src/inspect/assets/format.js', import.meta.url).href);

describe('the page', () => {
  it('writes durations in the unit that fits', () => {
    expect([0, 4_250, 59_900, 185_000, 7_800_000].map(format.durationText)).toEqual([
      '0.0 s',
      '4.3 s',
      '59.9 s',
      '3 min 05 s',
      '2 h 10 min',
    ]);
    expect(format.durationText(-5)).toBe('0.0 s');
  });

  it('writes state values as paths', () => {
    expect(format.stateText('idle')).toBe('idle');
    expect(format.stateText({ running: { round: {} } })).toBe('running › round');
    expect(format.stateText({ a: 'b', c: 'd' })).toBe('a › b + c › d');
    expect(format.stateText(undefined)).toBe('');
  });

  it('writes XState’s own events in words', () => {
    expect(format.eventText('xstate.init')).toBe('started');
    expect(format.eventText('xstate.done.actor.aggregate')).toBe('done: aggregate');
    expect(format.eventText('update.accepted')).toBe('update.accepted');
  });

  it('finds the numbers that guards depend on, times aside', () => {
    const context = { quorum: 2, sinceMs: 5, plan: { rounds: 3 }, tally: { contributions: 1, atMs: 9 } };
    expect(format.numbersOf(context)).toEqual([
      ['quorum', '2'],
      ['contributions', '1'],
    ]);
    expect(format.numbersOf(null)).toEqual([]);
  });

  it('finds a deadline, or none', () => {
    expect(format.deadlineOf({ deadlineAtMs: 9, sinceMs: 4 })).toEqual({ deadlineAtMs: 9, sinceMs: 4 });
    expect(format.deadlineOf({ deadlineAtMs: null })).toBeNull();
    expect(format.deadlineOf(null)).toBeNull();
  });
});
