/**
 * Draws the statecharts of the machines into `docs/statecharts`: `npm run docs:charts`. With `--check` nothing is
 * written, and the exit code is 1 when a file is stale.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Chart, chartOf } from '../src/inspect/chart.ts';
import { chartedMachines } from '../src/inspect/charts.ts';
import { layoutChart } from '../src/inspect/layout.ts';
import { renderMermaid } from '../src/inspect/mermaid.ts';
import { renderSvg } from '../src/inspect/svg.ts';

const folder = new URL('../docs/statecharts/', import.meta.url);

/** @returns what each file of `docs/statecharts` should hold, by name. */
export async function chartFiles(): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const charts = chartedMachines.map(chartOf);
  for (const chart of charts) files.set(`${chart.id}.svg`, renderSvg(await layoutChart(chart)));
  files.set('README.md', renderReadme(charts));
  return files;
}

/** @returns names of the files that are missing or differ from what the machines say. */
export async function staleFiles(): Promise<string[]> {
  const stale: string[] = [];
  for (const [name, expected] of await chartFiles()) {
    const found = await readFile(new URL(name, folder), 'utf8').catch(() => null);
    if (found !== expected) stale.push(name);
  }
  return stale;
}

const sentences: Record<string, string> = {
  coordinator: 'Runs, and in a run one round after another. One for each server.',
  round: 'One attempt at one round. The coordinator starts one for each, and waits for its outcome.',
  aggregator: 'The life of the aggregator service, wherever it runs. One for each server.',
  client:
    'The life of one client. It is compiled into a transition table at start-up, so that a registry of a million ' +
    'clients needs no million actors.',
};

function renderReadme(charts: readonly Chart[]): string {
  const sections = charts.map(
    (chart) => `## ${chart.id}

${sentences[chart.id] ?? ''}

![Statechart of the ${chart.id}](./${chart.id}.svg)

<details>
<summary>The same as Mermaid text</summary>

\`\`\`mermaid
${renderMermaid(chart)}\`\`\`

</details>
`,
  );
  return `# Statecharts

Drawn from the machines in \`src/machines\` by \`npm run docs:charts\`; do not edit. A test fails when they are stale.
\`npm run dev\` shows the same charts live.

How to read them: a dot leads to the state that is entered first; a double frame is a final state. A label on a line is
the event, its \`[guard]\` and its \`/ actions\`. Events that a state handles without leaving it stand in its box.
Dashed lines are deadlines that passed; dotted ones are taken at once when their guard holds; \`[else]\` is taken when
the guards before it do not hold. "In any state" stands for every state beside it.

${sections.join('\n')}`;
}

async function main(): Promise<void> {
  if (process.argv.includes('--check')) {
    const stale = await staleFiles();
    if (stale.length === 0) return;
    console.error(`Stale in docs/statecharts: ${stale.join(', ')}. Run "npm run docs:charts" and commit the result.`);
    process.exitCode = 1;
    return;
  }
  await mkdir(folder, { recursive: true });
  for (const [name, text] of await chartFiles()) await writeFile(new URL(name, folder), text);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
