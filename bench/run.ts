/**
 * Runs benchmarks: `npm run bench -- [NAME…] [--tiny] [--no-build]`. Prints a table for each, and keeps it in `bench/results`, unless it
 * was a tiny run: that only shows that the benchmark still works.
 */
import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { benchmarkNames, loadBenchmark } from './support/benchmarks.ts';
import { machine, versions } from './support/environment.ts';
import type { Result, Row } from './support/report.ts';

const { values, positionals } = parseArgs({
  options: { tiny: { type: 'boolean' }, 'no-build': { type: 'boolean' }, help: { type: 'boolean' } },
  allowPositionals: true,
});
if (values.help) {
  console.log(`npm run bench -- [NAME…] [--tiny] [--no-build]\n\nNames: ${benchmarkNames.join(', ')}`);
  process.exit(0);
}
const unknown = positionals.filter((name) => !benchmarkNames.includes(name));
if (unknown.length > 0) {
  console.error(`There is no benchmark ${unknown.join(', ')}; there are ${benchmarkNames.join(', ')}.`);
  process.exit(2);
}

// What is measured is the server as it is shipped.
if (!values['no-build']) execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
const folder = new URL('./results/', import.meta.url);
await mkdir(folder, { recursive: true });
for (const name of positionals.length > 0 ? positionals : benchmarkNames) {
  const { question, method, run } = await loadBenchmark(name);
  console.log(`\n${question}`);
  const about = { name, question, method, measuredAt: new Date().toISOString(), machine: machine(), versions };
  const startedAt = performance.now();
  const rows = await run(values.tiny ? 'tiny' : 'full');
  print(rows);
  console.log(`${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
  if (values.tiny) continue;
  const result: Result = { ...about, rows };
  await writeFile(new URL(`${name}.json`, folder), `${JSON.stringify(result, null, 2)}\n`);
}

function print(rows: readonly Row[]): void {
  const table = new Table({ head: ['', 'ours', 'reference', 'ratio', 'wanted', ''], style: { head: [], border: [] } });
  for (const { what, against, ours, reference, ratio, wanted, isMet } of rows) {
    table.push([
      against ? `${what}\n  against ${against}` : what,
      ours,
      reference,
      ratio === null ? '' : `${ratio.toFixed(2)} ×`,
      wanted,
      isMet === null ? '' : isMet ? 'met' : 'not met',
    ]);
  }
  console.log(table.toString());
}
