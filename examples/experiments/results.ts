import { readFile, writeFile } from 'node:fs/promises';
import type { Experiment, Outcome } from './experiment.ts';

/** What is kept of an experiment, so that it can be drawn again without training. */
export interface Results {
  /** It was run with this version: another may round a logarithm otherwise. */
  node: string;
  outcomes: readonly Outcome[];
}

export const folder = new URL('../../docs/experiments/', import.meta.url);
const fileOf = ({ name }: Experiment): URL => new URL(`${name}.json`, folder);

/** @returns null when the experiment was never run. */
export async function readResults(experiment: Experiment): Promise<Results | null> {
  const text = await readFile(fileOf(experiment), 'utf8').catch(() => null);
  return text === null ? null : (JSON.parse(text) as Results);
}

/** An outcome a line, so that a change can be read. */
export async function writeResults(experiment: Experiment, { node, outcomes }: Results): Promise<void> {
  const lines = outcomes.map((outcome) => `    ${JSON.stringify(shortened(outcome))}`);
  await writeFile(fileOf(experiment), `{\n  "node": "${node}",\n  "outcomes": [\n${lines.join(',\n')}\n  ]\n}\n`);
}

/** To what can be seen. */
const shortened = (outcome: Outcome): Outcome => ({
  ...outcome,
  points: outcome.points.map(([x, y]) => [x, significant(y)]),
  last: significant(outcome.last),
});

const significant = (value: number): number => Number(value.toFixed(4));
