import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const src = fileURLToPath(new URL('../../src/', import.meta.url));

/** What each folder may import from, beside itself. Whoever stands lower knows nothing of whoever stands higher. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  wire: ['domain'],
  machines: ['domain'],
  history: ['domain', 'machines', 'selection'],
  storage: ['domain'],
  strategies: ['domain', 'selection'],
  selection: ['domain'],
  aggregator: ['domain', 'wire', 'storage', 'strategies'],
  audit: ['domain', 'wire', 'machines', 'history', 'storage', 'aggregator'],
  client: ['domain', 'wire'],
  inspect: ['domain', 'machines'],
  dashboard: ['domain', 'inspect', 'machines'],
  tracing: ['domain'],
  actors: ['domain', 'machines', 'history', 'selection', 'storage', 'strategies', 'workers', 'wire'],
  http: ['domain', 'wire', 'inspect', 'dashboard', '.'],
  workers: ['domain', 'wire', 'aggregator', 'storage', 'strategies', 'http'],
  testing: ['domain', 'wire', 'storage', 'selection', 'strategies', '.'],
  cli: ['domain', 'strategies', 'client', 'audit', 'history', '.'],
  '.': [
    'domain',
    'strategies',
    'selection',
    'history',
    'actors',
    'aggregator',
    'storage',
    'workers',
    'inspect',
    'http',
    'tracing',
  ],
};

const folderOf = (file: string): string => (file.includes('/') ? (file.split('/')[0] ?? '') : '.');

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => /\.(ts|d\.ts)$/.test(file));

/** Files of src that a file imports, statically or not. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(src, file), 'utf8');
  const specifiers = [...text.matchAll(/(?:from\s*|import\(|import\s*)'(\.[^']+)'/g)].map(
    ([, specifier]) => specifier ?? '',
  );
  return specifiers
    .map((specifier) => relative(src, join(src, dirname(file), specifier)))
    .filter((target) => !target.startsWith('..'));
}

describe('the structure', () => {
  it('has every folder in the list of layers', () => {
    expect([...new Set(files.map(folderOf))].sort()).toEqual(Object.keys(allowed).sort());
  });

  it.each(Object.keys(allowed))('%s imports only what stands below it', (folder) => {
    const strays = files
      .filter((file) => folderOf(file) === folder)
      .flatMap((file) => importsOf(file).map((target) => ({ file, target })))
      .filter(({ target }) => folderOf(target) !== folder && !allowed[folder]?.includes(folderOf(target)));
    expect(strays).toEqual([]);
  });

  it('has no cycle', () => {
    const graph = new Map(files.map((file) => [file, importsOf(file)]));
    const done = new Set<string>();
    const visit = (file: string, path: readonly string[]): readonly string[] | null => {
      if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
      if (done.has(file)) return null;
      for (const target of graph.get(file) ?? []) {
        const cycle = visit(target, [...path, file]);
        if (cycle) return cycle;
      }
      done.add(file);
      return null;
    };
    for (const file of files) expect(visit(file, [])).toBeNull();
  });
});
