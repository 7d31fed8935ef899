import { describe, expect, it } from 'vitest';
import { createSimulation, drawScenario, SimulationFailed, type SimulationOptions } from '../../src/testing/index.ts';

async function transcriptOf(options: SimulationOptions): Promise<readonly string[]> {
  const simulation = createSimulation(options);
  await simulation.explore();
  return simulation.transcript;
}

describe('a simulation', () => {
  it.each([1, 2, 3])('is the same to the last line for the same seed, with all faults (seed %i)', async (seed) => {
    const scenario = drawScenario(seed, { profile: 'all', clients: 8, rounds: 3 });
    const first = await transcriptOf(scenario);
    expect(first.length).toBeGreaterThan(20);
    expect(await transcriptOf(scenario)).toEqual(first);
  });

  it('is another for another seed', async () => {
    const plan = { rounds: 2, minClients: 3 };
    expect(await transcriptOf({ seed: 1, clients: 3, plan })).not.toEqual(
      await transcriptOf({ seed: 2, clients: 3, plan }),
    );
  });

  it('goes on from one goal to the next', async () => {
    const simulation = createSimulation({ seed: 42, clients: 5, plan: { rounds: 4, minClients: 5 } });
    expect(await simulation.run({ untilRound: 2 })).toMatchObject({ roundsCommitted: 2, violation: null });
    expect(await simulation.run()).toMatchObject({ roundsCommitted: 4 });
  });

  it('refuses a plan that could not work, with a sentence', () => {
    expect(() => createSimulation({ plan: { participantsRatio: 0 } })).toThrow(/participantsRatio .* is 0/);
  });

  it('fails when nobody can ever form a quorum, and says what it waits for', async () => {
    const simulation = createSimulation({ seed: 1, clients: 2, plan: { rounds: 1, minClients: 3 }, faultsUntilMs: 0 });
    await expect(simulation.run()).rejects.toThrow(SimulationFailed);
    await expect(
      createSimulation({ seed: 1, clients: 2, plan: { rounds: 1, minClients: 3 }, faultsUntilMs: 0 }).explore(),
    ).resolves.toMatchObject({
      violation: { invariant: 'the run finishes', sentence: expect.stringMatching(/2 of 3 clients registered/) },
    });
  });
});
