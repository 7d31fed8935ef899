/** The weighted mean of a round as one would write it down, over arrays that are in memory already. */
import { timed } from '../support/measure.ts';
import { programSettings, serveCommands } from './serve-commands.ts';

const { clients, parameters } = programSettings<{ clients: number; parameters: number }>();
const updates = Array.from({ length: clients }, (_, client) => new Float32Array(parameters).fill(client + 0.5));
const weight = 7;

function weightedMean(): Float32Array {
  const sum = new Float64Array(parameters);
  let total = 0;
  for (const update of updates) {
    for (let index = 0; index < parameters; index += 1) sum[index] = (sum[index] ?? 0) + weight * (update[index] ?? 0);
    total += weight;
  }
  const mean = new Float32Array(parameters);
  for (let index = 0; index < parameters; index += 1) mean[index] = (sum[index] ?? 0) / total;
  return mean;
}

serveCommands({ mean: () => timed(weightedMean) });
