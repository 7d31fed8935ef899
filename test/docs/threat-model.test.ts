import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readPage, rootPath, sectionOf, tableRows } from './pages.ts';

const rows = tableRows(sectionOf(readPage('docs/threat-model.md'), 'Attacks that are tried')).slice(1);

/** The tests that a cell names: each a file and, in quotation marks, its sentence. */
const testsIn = (cell: string): { file: string; name: string }[] =>
  cell.split('<br>').map((one) => {
    const [, file, name] = /^`(test\/[\w/-]+\.test\.ts)` “(.+)”$/.exec(one) ?? [];
    if (file === undefined || name === undefined) throw new Error(`This names no test: ${one}`);
    return { file, name };
  });

/** Whether a file has this test, and does not skip it: the sentence comes first after `it(` or a table in `it.each(…)`. */
function hasTest(file: string, name: string): boolean {
  const source = readFileSync(join(rootPath, file), 'utf8');
  const sentence = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`(?:\\bit|\\))\\(\\s*'${sentence}',`).test(source);
}

describe('the attacks of the threat model', () => {
  it('are many, each with what the server answers', () => {
    expect(rows.length).toBeGreaterThan(20);
    for (const [attack, answer, tests] of rows) for (const cell of [attack, answer, tests]) expect(cell).toBeTruthy();
  });

  it.each(rows)('are tried by tests that are there: %s', (_attack, _answer, cell) => {
    for (const { file, name } of testsIn(cell ?? '')) expect(hasTest(file, name), `${file}: ${name}`).toBe(true);
  });

  it('would be missed if their test had another name', () => {
    expect(hasTest('test/http/json.test.ts', 'of another content type is taken')).toBe(false);
    expect(hasTest('test/http/json.test.ts', 'of another content type')).toBe(false);
  });
});
