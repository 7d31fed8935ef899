import { describe, expect, it } from 'vitest';
import { ChorusError } from '../../../src/domain/errors.ts';
import { patiently } from '../../../src/http/xain/patience.ts';

const patience = { passing: ['STAGING_FULL'] as const, waitMsMax: 10_000, retryMs: 1, isGone: () => false };

/** Refuses so many times, then answers. */
function refusing(times: number, code: 'STAGING_FULL' | 'NOT_FINITE' = 'STAGING_FULL') {
  let asked = 0;
  return {
    ask: () => {
      asked += 1;
      if (asked <= times) throw new ChorusError(code);
      return asked;
    },
    asked: () => asked,
  };
}

describe('a question asked patiently', () => {
  it('is asked again while the refusal is one that passes', async () => {
    expect(await patiently(refusing(3).ask, patience)).toBe(4);
    expect(await patiently(async () => refusing(0).ask(), patience)).toBe(1);
  });

  it('is not asked again after any other refusal', async () => {
    const { ask, asked } = refusing(1, 'NOT_FINITE');
    await expect(patiently(ask, patience)).rejects.toThrow(ChorusError);
    expect(asked()).toBe(1);
  });

  it('is refused in the end, when its time is over or nobody waits any more', async () => {
    const { ask, asked } = refusing(Number.POSITIVE_INFINITY);
    await expect(patiently(ask, { ...patience, waitMsMax: 20 })).rejects.toThrow(ChorusError);
    expect(asked()).toBeGreaterThan(1);
    const before = asked();
    await expect(patiently(ask, { ...patience, isGone: () => true })).rejects.toThrow(ChorusError);
    expect(asked()).toBe(before + 1);
  });
});
