import { describe, expect, it } from 'vitest';
import { ChorusError } from '../../src/domain/errors.ts';
import { Rates } from '../../src/http/rates.ts';

const refusalOf = (act: () => void): unknown => {
  try {
    act();
    return null;
  } catch (error) {
    return error;
  }
};

describe('the rates of requests', () => {
  it('let so many requests of a key through in a minute, and say when the next is taken', () => {
    let nowMs = 1_000;
    const rates = new Rates(() => nowMs);
    for (let request = 0; request < 3; request += 1) {
      expect(rates.isExhausted('a', 3)).toBe(false);
      rates.count('a', 3);
    }
    nowMs += 20_000;
    expect(rates.isExhausted('a', 3)).toBe(true);
    const refusal = refusalOf(() => rates.count('a', 3));
    expect(refusal).toBeInstanceOf(ChorusError);
    expect(refusal).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 40_000 });
    rates.count('b', 3);
    nowMs += 40_000;
    expect(rates.isExhausted('a', 3)).toBe(false);
    rates.count('a', 3);
  });

  it('know a key among tens of thousands of others that came after it, and are bounded', () => {
    const rates = new Rates(() => 0);
    rates.count('a', 1);
    for (let other = 0; other < 49_999; other += 1) rates.count(`other ${other}`, 1);
    expect(rates.isExhausted('a', 1)).toBe(true);
    expect(refusalOf(() => rates.count('a', 1))).toMatchObject({ code: 'RATE_LIMITED' });
    for (let other = 0; other < 100_000; other += 1) rates.count(`another ${other}`, 1);
    expect(rates.isExhausted('a', 1)).toBe(false);
  });
});
