import type { Plan } from '../../src/domain/plan.ts';
import { defaultHyperparameters } from './hyperparameters.ts';
import { type DigitsResult, runDigitsClients } from './run-clients.ts';
import { type Split, splits } from './split.ts';

export interface DigitsDemoOptions {
  url: string;
  split: string;
  clients: number;
  seed: number;
  signal: AbortSignal;
  write: (line: string) => void;
}

/** For `--demo digits`: the plan of the server, and the clients that take part. The result is for the caller to print. */
export const digitsDemo: {
  plan: Partial<Plan>;
  splits: readonly string[];
  run(options: DigitsDemoOptions): Promise<DigitsResult>;
} = {
  plan: {
    rounds: 50,
    minClients: 20,
    trainingWindowMs: 30_000,
    hyperparameters: { ...defaultHyperparameters },
  },
  splits,
  run({ split, write, ...options }) {
    return runDigitsClients({ ...options, split: readSplit(split), report: write });
  },
};

/** @throws {RangeError} there is no such split. */
export function readSplit(text: string): Split {
  const split = splits.find((name) => name === text);
  if (split === undefined)
    throw new RangeError(`There is no split ${JSON.stringify(text)}; give ${splits.join(' or ')}`);
  return split;
}
