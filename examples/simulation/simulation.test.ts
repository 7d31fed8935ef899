/** What a user of the package would write: a policy and a strategy of their own, under every kind of fault. */
import { expect, it } from 'vitest';
import { defineOwnStrategy, type SelectionPolicy } from '../../src/index.ts';
import { createSimulation, faultProfiles, type SimulatedTrainer } from '../../src/testing/index.ts';

/** Those come first who were selected least often. */
function leastSelectedFirst(): SelectionPolicy {
  const times = new Map<string, number>();
  return ({ count, candidates, random }) => {
    const all = [...candidates.sample(candidates.count, random)];
    const chosen = all.sort((a, b) => (times.get(a) ?? 0) - (times.get(b) ?? 0)).slice(0, count);
    for (const clientId of chosen) times.set(clientId, (times.get(clientId) ?? 0) + 1);
    return chosen;
  };
}

/** The middle between the least and the largest value of each coordinate. */
const midrange = defineOwnStrategy({
  kind: 'gathering',
  combine: ({ values: [first = new Float64Array(), ...others] }) =>
    first.map((value, at) => {
      const column = [value, ...others.map((other) => other[at] ?? 0)];
      return (Math.min(...column) + Math.max(...column)) / 2;
    }),
});

/** Each client pulls the model half-way to its own number. */
const train: SimulatedTrainer = ({ client, model }) => {
  const weight = model?.w?.data[0] ?? 0;
  return { tensors: { w: { dtype: 'F32', shape: [1], data: Float32Array.of((weight + client) / 2) } } };
};

it.each(Object.keys(faultProfiles) as (keyof typeof faultProfiles)[])('survives faults: %s', async (faults) => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const plan = { rounds: 5, minClients: 4, participantsRatio: 0.5, trainingWindowMs: 10_000 };
    const simulation = createSimulation({
      seed,
      clients: 8,
      plan,
      faults,
      train,
      strategy: midrange,
      policy: leastSelectedFirst(),
    });
    const { roundsCommitted, violation } = await simulation.run();
    expect({ roundsCommitted, violation }).toEqual({ roundsCommitted: 5, violation: null });
    expect(simulation.handle?.models()).toHaveLength(5);
  }
});
