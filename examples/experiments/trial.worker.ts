/** Runs trials on a thread of its own. */
import { parentPort } from 'node:worker_threads';
import { experimentNamed } from './catalogue.ts';
import type { Outcome, Trial } from './experiment.ts';

/** Posts a message for each round of it. */
export default function runTrial(trial: Trial): Promise<Outcome> {
  return experimentNamed(trial.experiment).run(trial, () => parentPort?.postMessage('round'));
}
