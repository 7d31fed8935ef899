import { readFile } from 'node:fs/promises';
import { experiments } from './catalogue.ts';
import type { Experiment, Outcome } from './experiment.ts';
import { folder, readResults } from './results.ts';

const page = new URL('../experiments.md', folder);

/** @returns every file of the page, as the results that are kept would have it (an experiment without any is left out), with what it holds now. */
export async function pageFiles(): Promise<{ file: URL; text: string; found: string }[]> {
  const drawings: { file: URL; text: string }[] = [];
  let text = await read(page);
  for (const experiment of experiments) {
    const results = await readResults(experiment);
    if (!results) continue;
    const { outcomes } = results;
    text = withTable(text, experiment, outcomes);
    for (const { file, svg } of experiment.draw(outcomes))
      drawings.push({ file: new URL(`${file}.svg`, folder), text: svg });
  }
  return Promise.all(
    [{ file: page, text }, ...drawings].map(async (wanted) => ({ ...wanted, found: await read(wanted.file) })),
  );
}

const read = (file: URL): Promise<string> => readFile(file, 'utf8').catch(() => '');

/** @returns the page with the table of one experiment replaced. @throws {Error} it has no place for it. */
function withTable(text: string, { name, table }: Experiment, outcomes: readonly Outcome[]): string {
  const startMark = `<!-- ${name}: written by \`npm run docs:experiments\` -->`;
  const endMark = `<!-- end of ${name} -->`;
  const start = text.indexOf(startMark);
  const end = text.indexOf(endMark);
  if (start === -1 || end < start) throw new Error(`The page has no place for the experiment ${name}`);
  return `${text.slice(0, start + startMark.length)}\n\n${table(outcomes)}\n\n${text.slice(end)}`;
}
