import fc from 'fast-check';
import { expect, it } from 'vitest';
import { editDistance, nearest } from '../../src/domain/suggest.ts';

it.each([
  ['', '', 0],
  ['abc', 'abc', 0],
  ['abc', 'abd', 1],
  ['abc', 'acb', 1],
  ['abc', '', 3],
  ['kitten', 'sitting', 3],
])('%s is as far from %s as letters must be changed', (a, b, distance) => {
  expect(editDistance(a, b)).toBe(distance);
});

it('measures the same both ways, and nothing from a word to itself', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
      expect(editDistance(a, b)).toBe(editDistance(b, a));
      expect(editDistance(a, a)).toBe(0);
      expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
    }),
  );
});

it('finds what was meant, however it is written, and nothing for what is like nothing', () => {
  const flags = ['--min-clients', '--clients-max', '--training-window-ms'];
  expect(nearest('--min-client', flags)).toBe('--min-clients');
  expect(nearest('--minClients', flags)).toBe('--min-clients');
  expect(nearest('--training-window', flags)).toBe('--training-window-ms');
  expect(nearest('--verbose', flags)).toBeNull();
});
