import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import type { Experiment, Outcome, Trial } from './experiment.ts';

export interface TrialsEvents {
  /** @param have of `need` rounds. */
  onProgress: (text: string, have: number, need: number) => void;
  onDone: (experiment: Experiment, outcomes: Outcome[]) => Promise<void>;
}

/** Runs the trials of experiments, one experiment after another, each trial on a thread. */
export async function runTrials(
  experiments: readonly Experiment[],
  { onProgress, onDone }: TrialsEvents,
): Promise<void> {
  const pool = new Piscina<Trial, Outcome>({
    filename: fileURLToPath(new URL('./trial.worker.ts', import.meta.url)),
    maxThreads: availableParallelism(),
  });
  const need = experiments
    .flatMap((experiment) => experiment.trials().map((trial) => experiment.roundsOf(trial)))
    .reduce((sum, rounds) => sum + rounds, 0);
  let have = 0;
  let current = '';
  pool.on('message', () => {
    have += 1;
    onProgress(current, have, need);
  });
  try {
    for (const experiment of experiments) {
      current = experiment.name;
      await onDone(experiment, await Promise.all(experiment.trials().map((trial) => pool.run(trial))));
    }
  } finally {
    await pool.destroy();
  }
}
