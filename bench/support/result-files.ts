import { readdir, readFile } from 'node:fs/promises';
import { benchmarkNames } from './benchmarks.ts';
import type { Result } from './report.ts';

const folder = new URL('../results/', import.meta.url);

/** What full runs left, in the order of the benchmarks; those never run are left out. */
export async function readResults(): Promise<Result[]> {
  const files = new Set(await readdir(folder));
  const names = benchmarkNames.filter((name) => files.has(`${name}.json`));
  return Promise.all(
    names.map(async (name) => JSON.parse(await readFile(new URL(`${name}.json`, folder), 'utf8')) as Result),
  );
}
