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

  it('know a key that asked more than once among a million others that did not', () => {
    const rates = new Rates(() => 0, [1, 2]);
    rates.count('a', 2);
    rates.count('a', 2);
    for (let other = 0; other < 1_000_000; other += 1) rates.count(`other ${other}`, 2);
    expect(rates.isExhausted('a', 2)).toBe(true);
    expect(refusalOf(() => rates.count('a', 2))).toMatchObject({ code: 'RATE_LIMITED' });
  });

  it('know nearly all of fifty thousand keys, and count none of them with another', () => {
    let nowMs = 0;
    const rates = new Rates(() => nowMs, [3, 4]);
    const keys = Array.from({ length: 50_000 }, () => crypto.randomUUID());
    for (const key of keys) rates.count(key, 1);
    const isKnown = (key: string) => rates.isExhausted(key, 1);
    expect(keys.filter(isKnown).length).toBeGreaterThan(0.99 * keys.length);
    expect(keys.filter((key) => rates.isExhausted(`${key}.`, 1))).toEqual([]);
    nowMs += 60_000;
    expect(keys.filter(isKnown)).toEqual([]);
  });
});
