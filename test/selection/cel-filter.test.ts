import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileFilter } from '../../src/selection/cel-filter.ts';

const client = { name: 'ward 7', attributes: { region: 'eu', ram: 8, ratio: 0.5, wifi: true, 'battery level': 80 } };
const passes = (text: string, profile = client) => {
  const filter = compileFilter(text);
  if ('problem' in filter) throw new Error(filter.problem);
  return filter.test(profile);
};
const problemOf = (text: string) => {
  const filter = compileFilter(text);
  return 'problem' in filter ? filter.problem : null;
};

describe('a filter on clients', () => {
  it.each([
    'attributes.region == "eu"',
    "attributes.region in ['eu', 'uk']",
    'attributes.region != "us" && attributes.wifi',
    'attributes.ram >= 8 && attributes.ram < 8.5 && attributes.ram == 8 && attributes.ram in [4, 8]',
    'attributes.ratio == 0.5 && attributes.ratio > -1',
    '!(attributes.region == "us" || attributes.ram > 8)',
    'attributes["battery level"] > 50',
    'attributes.gpu == null && attributes.constructor == null',
    'name == "ward 7" && name.startsWith("ward") && name.contains("d 7") && name.endsWith("7")',
    'attributes.region == "us" || attributes.gpu > 3 || attributes.wifi',
    'true',
  ])('holds: %s', (text) => expect(passes(text)).toBe(true));

  it.each([
    'attributes.region == "us"',
    'attributes.gpu > 3',
    '!(attributes.gpu > 3)',
    'attributes.region < 3',
    'attributes.region',
    'attributes.ram == "8"',
    'attributes.gpu.startsWith("x")',
  ])('does not hold, and does not throw: %s', (text) => expect(passes(text)).toBe(false));

  it('reads null from a client that told nothing', () => {
    expect(passes('attributes.region == null && name == null', {} as typeof client)).toBe(true);
  });

  it('says what it reads', () => {
    expect(compileFilter('name != "x" && (attributes.a == 1 || attributes["b c"] in [attributes.a])')).toMatchObject({
      reads: ['name', 'attributes.a', 'attributes.b c'],
    });
  });

  it.each([
    ['attributes.region ==', /^At character 21 of the filter: /],
    ['attributes.region = "eu"', /^At character 19 of the filter: Unexpected character: =/],
    ['attributes.a == 1 and attributes.b == 2', /^At character 1[89] of the filter: /],
    ['region == "eu"', /^At character 1 of the filter: region is unknown; expected attributes\.NAME or name\.$/],
    ['true && attributes', /^At character 9 of the filter: expected attributes\.NAME\.$/],
    ['has(attributes.gpu)', /has\(\) is not needed; write attributes\.NAME != null/],
    ['name.matches("(a+)+$")', /matches\(\) is not allowed here/],
    ['attributes.exists(a, a == "x")', /exists\(\) is not allowed here/],
    ['[1, 2].all(x, x > 0)', /all\(\) is not allowed here/],
    ['1 + 1 == 2', /\+ is not allowed here/],
    ['"eu"', /this is a string, not a condition/],
    ['', /^At character 1 of the filter: /],
    ['x'.repeat(2_001), /2001 characters; 2000 are allowed/],
    [`${'('.repeat(900)}true${')'.repeat(900)}`, /./],
    [`${'!'.repeat(900)}true`, /./],
    [`attributes.a in [${'1,'.repeat(500)}1]`, /./],
  ])('is refused with the place and the reason: %s', (text, problem) => expect(problemOf(text)).toMatch(problem));

  it('never throws, whatever the text', () => {
    const piece = fc.constantFrom(
      'attributes',
      '.',
      'region',
      '==',
      '"eu"',
      '(',
      ')',
      '&&',
      '!',
      'in',
      '[',
      ']',
      ',',
      '1',
      'name',
      ' ',
      '?',
      ':',
      '{',
      '}',
      '-',
      "'",
      '\\',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece).map((pieces) => pieces.join('')),
        ),
        (text) => {
          const filter = compileFilter(text);
          if ('problem' in filter) expect(filter.problem).toMatch(/\.$/);
          else expect(typeof filter.test(client)).toBe('boolean');
        },
      ),
      { numRuns: 3_000 },
    );
  });
});
