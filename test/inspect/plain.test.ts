import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toPlain } from '../../src/inspect/plain.ts';

describe('what inspection shows', () => {
  it('is the value itself when that is small plain JSON', () => {
    const value = { a: 1, b: [true, null, 'x'], c: { d: {} } };
    expect(toPlain(value)).toEqual(value);
  });

  it('never holds what stands under a key that ends with token, however deep', () => {
    const shown = toPlain({
      token: 't1',
      trainingToken: 't2',
      CLIENT_TOKEN: 't3',
      tokens: { anna: 't4' },
      list: [{ inner: new Map([['adminToken', 't5']]) }],
      none: { clientToken: null },
      tokenCount: 2,
    });
    expect(JSON.stringify(shown)).not.toMatch(/t[1-5]/);
    expect(shown).toMatchObject({
      trainingToken: '[redacted]',
      tokens: '[redacted]',
      none: { clientToken: null },
      tokenCount: 2,
    });
  });

  it('names bytes, functions and live actors instead of copying them', () => {
    const actor = { sessionId: 'x:1', getSnapshot: () => ({ secret: 1 }) };
    expect(toPlain({ a: new Float32Array(4), b: new SharedArrayBuffer(8), c: () => 1, actor })).toEqual({
      a: '[Float32Array, 16 bytes]',
      b: '[SharedArrayBuffer, 8 bytes]',
      c: '[function]',
      actor: '[actor]',
    });
  });

  it('is bounded for long lists, long texts, wide objects, deep nesting and cycles', () => {
    expect(toPlain(Array.from({ length: 50 }, (_, index) => index))).toEqual([
      ...Array.from({ length: 20 }, (_, index) => index),
      '… 30 more',
    ]);
    expect(toPlain('x'.repeat(1000))).toBe(`${'x'.repeat(500)}…`);
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    expect(JSON.stringify(toPlain(cycle)).length).toBeLessThan(200);
    const wide = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`k${index}`, index]));
    expect(Object.keys(toPlain(wide) as object).length).toBeLessThanOrEqual(601);
  });

  it('is JSON for anything', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withMap: true, withSet: true, withTypedArray: true }), (value) => {
        const shown = toPlain(value);
        expect(JSON.parse(JSON.stringify(shown))).toEqual(shown);
      }),
    );
  });
});
