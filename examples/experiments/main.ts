/**
 * Runs the experiments of `docs/experiments.md` and draws them: `npm run docs:experiments`. With `--redraw` nothing is
 * trained; with `--check` nothing is written either, and the exit code is 1 when a chart or a table is stale.
 */
import { writeFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { duration } from '../../src/cli/render/format.ts';
import { ProgressLine } from '../../src/cli/render/progress.ts';
import { experiments } from './catalogue.ts';
import { pageFiles } from './page.ts';
import { writeResults } from './results.ts';
import { runTrials } from './run-trials.ts';

const names = experiments.map(({ name }) => name);
const { only, redraw, check } = new Command('experiments')
  .addOption(
    new Option('--only <name...>', 'run only these; the others are drawn from their last results').choices(names),
  )
  .option('--redraw', 'draw the results that are there; train nothing', false)
  .option('--check', 'write nothing, and fail when a chart or a table is stale', false)
  .parse()
  .opts<{ only?: string[]; redraw: boolean; check: boolean }>();

const wanted = redraw || check ? [] : experiments.filter(({ name }) => only?.includes(name) ?? true);
const startedAtMs = performance.now();
if (wanted.length > 0) {
  const progress = new ProgressLine({ stream: process.stderr, now: () => performance.now() });
  await runTrials(wanted, {
    onProgress: (text, have, need) => progress.show(() => text, have, need),
    onDone: async (experiment, outcomes) => {
      await writeResults(experiment, { node: process.versions.node, outcomes });
      progress.clear();
      console.log(`${experiment.name}: ${outcomes.length} trials, by ${duration(performance.now() - startedAtMs)}`);
    },
  });
}
const stale = (await pageFiles()).filter(({ text, found }) => text !== found);
if (!check) {
  for (const { file, text } of stale) await writeFile(file, text);
} else if (stale.length > 0) {
  console.error('docs/experiments.md or a chart is stale: run "npm run docs:experiments -- --redraw"');
  process.exitCode = 1;
}
