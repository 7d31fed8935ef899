import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const entry = new URL('../../src/client/index.ts', import.meta.url);
const source = new URL('../../src/', import.meta.url).href;
const specifiers =
  /(?:^|[;\s])(?:import|export)\s[^;'"]*?from\s*['"]([^'"]+)['"]|(?:^|[;\s(=])import\s*\(?\s*['"]([^'"]+)['"]/g;

const importsOf = (text: string): string[] =>
  [...text.matchAll(specifiers)].map(([, named, bare]) => named ?? bare ?? '');

/** Every file that the client needs, types included, and what each imports. */
function graphFrom(start: URL): Map<string, string[]> {
  const graph = new Map<string, string[]>();
  const open = [start];
  for (let file = open.pop(); file; file = open.pop()) {
    if (graph.has(file.href)) continue;
    const imports = importsOf(readFileSync(fileURLToPath(file), 'utf8'));
    graph.set(file.href, imports);
    for (const specifier of imports) if (specifier.startsWith('.')) open.push(new URL(specifier, file));
  }
  return graph;
}

it('finds every way to import', () => {
  const text = `import 'a';\nimport { x } from "b";\nexport { y } from 'c';\nconst z = await import('d');\nimport type {\n  T,\n} from 'e';`;
  expect(importsOf(text)).toEqual(['a', 'b', 'c', 'd', 'e']);
});

it('needs nothing but its own files, so that it runs unbundled in a browser', () => {
  const graph = graphFrom(entry);
  expect(graph.size).toBeGreaterThan(15);
  for (const [file, imports] of graph) {
    expect(existsSync(fileURLToPath(file)), file).toBe(true);
    for (const specifier of imports) expect(specifier, `imported by ${file}`).toMatch(/^\.\.?\/.*\.ts$/);
  }
});

it('sees the domain and the wire only', () => {
  for (const file of graphFrom(entry).keys()) expect(file.slice(source.length)).toMatch(/^(client|domain|wire)\//);
});

it('uses no global that only Node has', () => {
  for (const file of graphFrom(entry).keys()) {
    const code = readFileSync(fileURLToPath(file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    expect(code, file).not.toMatch(/(?<![.\w'#])(?:process|Buffer|__dirname|setImmediate|require)\b(?!['\w])/);
  }
});
