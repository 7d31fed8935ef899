/**
 * Writes the tables in `bench/README.md` and the chart beside the results: `npm run bench:readme`. With `--check` nothing
 * is written, and the exit code is 1 when one of them is stale.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { readResults } from './support/result-files.ts';
import { withResults } from './support/results-text.ts';
import { summaryChart } from './support/summary-chart.ts';

const readmeFile = new URL('./README.md', import.meta.url);
const chartFile = new URL('./results/summary.svg', import.meta.url);

/** @returns the files that differ from what the results say, with what they should hold. */
export async function staleFiles(): Promise<{ file: URL; text: string }[]> {
  const results = await readResults();
  const readme = await readFile(readmeFile, 'utf8');
  const chart = await readFile(chartFile, 'utf8').catch(() => '');
  const wanted = [
    { file: readmeFile, found: readme, text: withResults(readme, results) },
    { file: chartFile, found: chart, text: summaryChart(results) },
  ];
  return wanted.filter(({ found, text }) => found !== text);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const stale = await staleFiles();
  if (!process.argv.includes('--check')) await Promise.all(stale.map(({ file, text }) => writeFile(file, text)));
  else if (stale.length > 0) {
    console.error('bench/README.md or its chart is stale: run "npm run bench:readme"');
    process.exitCode = 1;
  }
}
