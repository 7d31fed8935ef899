import { describe, expect, it } from 'vitest';
import type { Contribution } from '../../src/domain/handle.ts';
import { createSimulation, drawScenario, type FaultProfile, faultProfiles } from '../../src/testing/index.ts';

const profiles = Object.keys(faultProfiles) as FaultProfile[];
const firstSeed = Number(process.env.CHORUS_SIM_SEED ?? Math.floor(Date.now() / 60_000) % 1_000_000);
const seeds = Number(process.env.CHORUS_SIM_SEEDS ?? 10);
const rounds = 5;

/** Runs a seed in buffered mode. @returns all that was counted, and in which strategy. */
async function run(profile: FaultProfile, seed: number) {
  const clients = 3 + (seed % 12);
  const scenario = drawScenario(seed, { profile, clients, rounds, mode: 'buffered' });
  const simulation = createSimulation(scenario);
  const { violation } = await simulation.explore();
  const replay = `npm run sim -- --seed ${seed} --clients ${clients} --rounds ${rounds} --faults ${profile} --mode buffered`;
  expect(violation, replay).toBeNull();
  const counted: Contribution[] = simulation.handle?.rounds(100).flatMap(({ contributions }) => contributions) ?? [];
  return { plan: scenario.plan, counted };
}

describe(`buffered runs, from seed ${firstSeed}`, () => {
  it.each(profiles)(
    'break no rule with faults of the profile %s',
    async (profile) => {
      for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) await run(profile, seed);
    },
    600_000,
  );
});

it('draws buffers of one and of several, strategies of each kind, and counts updates of several ages', async () => {
  const drawn = { strategies: new Set<unknown>(), kinds: new Set<unknown>(), ages: new Set<number>() };
  let single = 0;
  for (let seed = 1; seed <= 20; seed += 1) {
    const { plan, counted } = await run('none', seed);
    drawn.strategies.add(plan.strategy);
    drawn.kinds.add(plan.updateKind);
    if (plan.cohortSize === 1) single += 1;
    for (const { staleness = 0 } of counted) drawn.ages.add(staleness);
  }
  expect([...drawn.strategies].sort()).toEqual(['fedadam', 'fedasync', 'fedavg', 'fedavgm']);
  expect(drawn.kinds).toEqual(new Set(['weights', 'deltas']));
  expect(single).toBeGreaterThan(0);
  expect(single).toBeLessThan(20);
  expect(drawn.ages.size).toBeGreaterThan(2);
});
