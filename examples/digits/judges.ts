import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { compiledWorker } from './compiled.ts';
import { defaultHyperparameters } from './hyperparameters.ts';
import type { CentralTask, JudgeTask } from './judge.worker.ts';
import type { LabelledImages } from './network.ts';
import type { Score } from './trainer.ts';

/** The baseline's: more than these gain nothing. */
const centralEpochsMax = 20;
const centralLearningRate = 0.1;

/** Two threads beside the clients': one tests models while the other trains the baseline. */
export class Judges {
  readonly #pool = new Piscina({
    filename: fileURLToPath(compiledWorker('judge.worker')),
    minThreads: 1,
    maxThreads: 2,
  });

  judge(task: JudgeTask, signal: AbortSignal): Promise<Score> {
    return this.#pool.run(task, { name: 'judge', signal });
  }

  /**
   * The baseline: the same classifier, trained on all images in one place.
   * @param rounds of the run; the baseline goes through its images as often, though not more than 20 times.
   */
  trainCentrally({
    images,
    seed,
    rounds,
  }: {
    images: LabelledImages;
    seed: number;
    rounds: number;
  }): Promise<Baseline> {
    const { batchSize } = defaultHyperparameters;
    const epochs = Math.min(rounds, centralEpochsMax);
    const task: CentralTask = { images, seed, batchSize, learningRate: centralLearningRate, epochs };
    const baseline = this.#pool
      .run(task, { name: 'trainCentrally' })
      .then(({ accuracy }: Score) => ({ accuracy, epochs, images: images.labels.length }));
    // Looked at last, if at all: until then its failure is nobody's.
    baseline.catch(() => undefined);
    return baseline;
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }
}

export interface Baseline {
  /** On all held-out digits, 0 to 1. */
  accuracy: number;
  epochs: number;
  images: number;
}
