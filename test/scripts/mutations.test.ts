import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { mutations } from '../../scripts/mutations.ts';

const read = (file: string): string => readFileSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)), 'utf8');

describe('the list of deliberate defects', () => {
  it('names each of the historic ones', () => {
    const defects = mutations.flatMap(({ defect }) => defect.split(', '));
    for (let number = 1; number <= 14; number += 1) expect(defects).toContain(`F${number}`);
  });

  it.each(mutations.map((mutation) => [mutation.name, mutation] as const))('fits the sources: %s', (_, mutation) => {
    const { file, find, replace, tests } = mutation;
    expect(read(file).split(find)).toHaveLength(2);
    expect(replace).not.toBe(find);
    for (const test of tests)
      expect([test, existsSync(new URL(`../../${test}`, import.meta.url))]).toEqual([test, true]);
  });
});
