import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChorusError } from '../../src/domain/errors.ts';
import { readUpdateMetadata, writeUpdateMetadata } from '../../src/wire/update-metadata.ts';

const read = (metadata: Record<string, string>, numExamplesMax = Number.MAX_SAFE_INTEGER) =>
  readUpdateMetadata(metadata, { numExamplesMax });

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof ChorusError ? error.code : `threw ${error}`;
  }
  return 'nothing';
}

describe('num_examples', () => {
  it('is a decimal integer from 1 to 2^53−1', () => {
    expect(read({ num_examples: '1' })).toEqual({ numExamples: 1, metrics: {} });
    expect(read({ num_examples: '9007199254740991' }).numExamples).toBe(Number.MAX_SAFE_INTEGER);
  });

  it.each([
    '',
    '0',
    '-1',
    '+1',
    '01',
    '1e3',
    '1.0',
    '0x10',
    ' 1',
    '1 ',
    '1\n',
    '1_000',
    'NaN',
    'Infinity',
    '１',
    '9007199254740992',
    '1'.repeat(400),
  ])('is refused when it is %j', (text) => {
    expect(codeOf(() => read({ num_examples: text }))).toBe('NUM_EXAMPLES_INVALID');
  });

  it('is refused when it is missing', () => {
    expect(codeOf(() => read({}))).toBe('NUM_EXAMPLES_INVALID');
  });

  it('is refused above what the plan allows', () => {
    expect(read({ num_examples: '100' }, 100).numExamples).toBe(100);
    expect(codeOf(() => read({ num_examples: '101' }, 100))).toBe('NUM_EXAMPLES_INVALID');
  });
});

describe('metrics', () => {
  const metricsOf = (text: string) => read({ num_examples: '1', metrics: text }).metrics;

  it.each([
    '',
    '[]',
    'null',
    '1',
    '{"a":NaN}',
    '{"a":Infinity}',
    '{"a":1e999}',
    '{"a":null}',
    '{"a":"1"}',
    '{"a":true}',
    '{"a":{"b":1}}',
    '{"a":[1]}',
    '{"a":1,"a":1}',
    '{"":1}',
    '{"__proto__":1}',
    `{"${'a'.repeat(129)}":1}`,
    `{"a":${'1'.repeat(16_384)}}`,
  ])('are refused when they are %.40s', (text) => {
    expect(codeOf(() => metricsOf(text))).toBe('METRICS_INVALID');
  });

  it('may have 64 names and not 65', () => {
    const names = (count: number) =>
      JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, index) => [`m${index}`, index])));
    expect(Object.keys(metricsOf(names(64)))).toHaveLength(64);
    expect(codeOf(() => metricsOf(names(65)))).toBe('METRICS_INVALID');
  });

  it('may have names that objects have as well', () => {
    expect(Object.entries(metricsOf('{"constructor":1,"toString":2}'))).toEqual([
      ['constructor', 1],
      ['toString', 2],
    ]);
  });

  it('are read as they were written', () => {
    const metric = fc.double({ noNaN: true, noDefaultInfinity: true });
    const name = fc.string({ minLength: 1, maxLength: 20 }).filter((text) => text !== '__proto__');
    const metrics = fc.dictionary(name, metric, { maxKeys: 20, noNullPrototype: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), metrics, (numExamples, given) => {
        const written = read(writeUpdateMetadata({ numExamples, metrics: given }));
        // JSON has no −0.
        const expected = Object.fromEntries(Object.entries(given).map(([key, value]) => [key, value + 0]));
        expect(written).toEqual({ numExamples, metrics: expected });
      }),
    );
  });
});
