import { describe, expect, it } from 'vitest';
import { createSimulation, drawScenario, type FaultProfile, faultProfiles } from '../../src/testing/index.ts';

const profiles = Object.keys(faultProfiles) as FaultProfile[];
/** Another range each day of the year and minute of the day, so that CI goes on exploring; printed, so that it can be replayed. */
const firstSeed = Number(process.env.CHORUS_SIM_SEED ?? Math.floor(Date.now() / 60_000) % 1_000_000);
const seeds = Number(process.env.CHORUS_SIM_SEEDS ?? 40);

describe(`seeds ${firstSeed} to ${firstSeed + seeds - 1}`, () => {
  it.each(profiles)(
    'break no rule with faults of the profile %s',
    async (profile) => {
      for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
        const clients = 3 + (seed % 12);
        const { violation } = await createSimulation(drawScenario(seed, { profile, clients, rounds: 4 })).explore();
        const replay = `npm run sim -- --seed ${seed} --clients ${clients} --rounds 4 --faults ${profile}`;
        expect(violation, replay).toBeNull();
      }
    },
    600_000,
  );
});
