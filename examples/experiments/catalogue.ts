import { attackers } from './attackers.ts';
import type { Experiment } from './experiment.ts';
import { optimisers } from './optimisers.ts';
import { schools } from './schools.ts';
import { stragglers } from './stragglers.ts';

/** In the order of the page. */
export const experiments: readonly Experiment[] = [optimisers(), schools(), attackers(), stragglers()];

/** @throws {RangeError} there is none of this name. */
export function experimentNamed(name: string): Experiment {
  const found = experiments.find((experiment) => experiment.name === name);
  if (found) return found;
  throw new RangeError(`There is no experiment ${name}; there are ${experiments.map(({ name }) => name).join(', ')}`);
}
