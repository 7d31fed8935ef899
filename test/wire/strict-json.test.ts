import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type JsonValue, parseJsonObject } from '../../src/wire/strict-json.ts';

class Refused extends Error {}
const parse = (text: string, valuesMax = 10_000) =>
  parseJsonObject(text, (detail) => new Refused(detail), { valuesMax });

/** The same value, as JSON.parse gives it. */
function plain(value: JsonValue): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (!(value instanceof Map)) return value;
  // fromEntries defines "__proto__" as a key like any other, as JSON.parse does.
  return Object.fromEntries([...value].map(([key, member]) => [key, plain(member)]));
}

const jsonLike = fc.string({
  unit: fc.constantFrom(...'{}[]":,\\-+.eE0123456789utrfalsn bx/\n\t', '\u0001', 'é', '{"a":', '"b"', 'null'),
  maxLength: 24,
});

describe('an object of JSON', () => {
  it('is read as JSON.parse reads it', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 5 })), (object) => {
        const text = JSON.stringify(object);
        expect(plain(parse(text))).toEqual(JSON.parse(text));
      }),
      { numRuns: 300 },
    );
  });

  it('is refused, or is read as JSON.parse reads it: nothing is taken that is not JSON, and nothing else is thrown', () => {
    fc.assert(
      fc.property(jsonLike, (text) => {
        for (const given of [text, `{${text}`, `{"a":${text}}`]) {
          let value: Map<string, JsonValue>;
          try {
            value = parse(given);
          } catch (error) {
            expect(error).toBeInstanceOf(Refused);
            continue;
          }
          expect(plain(value)).toEqual(JSON.parse(given));
        }
      }),
      { numRuns: 5_000 },
    );
  });

  it('is refused when a key comes twice, however it is written', () => {
    expect(() => parse('{"a":1,"a":1}')).toThrow('the key "a" twice');
    expect(() => parse('{"a":1,"\\u0061":2}')).toThrow('the key "a" twice');
    expect(() => parse('{"x":{"__proto__":1,"__proto__":2}}')).toThrow(Refused);
  });

  it('may have a key like those of prototypes, which stays a key', () => {
    const object = parse('{"__proto__":{"polluted":true},"constructor":1,"toString":2}');
    expect([...object.keys()]).toEqual(['__proto__', 'constructor', 'toString']);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('may have keys of 8 MiB, with and without escapes', () => {
    const length = 8 * 2 ** 20;
    expect(parse(`{"${'a'.repeat(length)}":1}`).size).toBe(1);
    expect(parse(`{"${'\\\\'.repeat(length / 2)}":1}`).size).toBe(1);
    expect(() => parse(`{"${'a'.repeat(length)}`)).toThrow('without an end');
  });

  it('is refused when it is nested deeper than 8 levels, or 100,000', () => {
    const nested = (levels: number) => `{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`;
    expect(parse(nested(8)).size).toBe(1);
    expect(() => parse(nested(9))).toThrow('deeper than 8');
    expect(() => parse(nested(100_000))).toThrow('deeper than 8');
  });

  it('is refused when it has more values than were asked for, before they are all read', () => {
    expect(parse('{"a":[1,2],"b":{}}', 4).size).toBe(2);
    expect(() => parse('{"a":[1,2],"b":{}}', 3)).toThrow('more than 3 values');
    expect(() => parse(`{"a":[${'{},'.repeat(1_000_000)}`, 100)).toThrow('more than 100 values');
  });

  it('is refused when it is something else, or more', () => {
    for (const text of [
      '',
      '[]',
      '1',
      'null',
      '"a"',
      '{}{}',
      '{},',
      '{} x',
      '{"a":1,}',
      "{'a':1}",
      '{"a":01}',
      '{"a":+1}',
    ]) {
      expect(() => parse(text)).toThrow(Refused);
    }
  });
});
