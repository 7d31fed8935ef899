import { describe, expect, it } from 'vitest';
import { strategyNames } from '../../src/domain/strategy-choice.ts';
import { defineOwnStrategy } from '../../src/strategies/own-strategy.ts';
import { createSimulation, drawScenario, type FaultProfile, faultProfiles } from '../../src/testing/index.ts';

const profiles = Object.keys(faultProfiles) as FaultProfile[];
const firstSeed = Number(process.env.CHORUS_SIM_SEED ?? Math.floor(Date.now() / 60_000) % 1_000_000);
const clients = 10;
const rounds = 3;

describe.each(strategyNames)(`%s, from seed ${firstSeed}`, (strategy) => {
  it.each(profiles)('makes the right models with faults of the profile %s', async (profile) => {
    for (const seed of [firstSeed, firstSeed + 1]) {
      const scenario = drawScenario(seed, { profile, clients, rounds, strategy });
      const replay = `npm run sim -- --seed ${seed} --clients ${clients} --rounds ${rounds} --faults ${profile} --strategy ${strategy}`;
      expect((await createSimulation(scenario).explore()).violation, replay).toBeNull();
    }
  });
});

describe('a strategy of one’s own', () => {
  const midrange = defineOwnStrategy({
    kind: 'gathering',
    contributionsMin: 2,
    combine: ({ values: [first = new Float64Array(), ...others] }) =>
      first.map((value, at) => {
        const column = [value, ...others.map((other) => other[at] ?? 0)];
        return (Math.min(...column) + Math.max(...column)) / 2;
      }),
  });
  const momentum = defineOwnStrategy({
    kind: 'running',
    slots: [{ name: 'velocity', initial: 0 }],
    step({ base, delta, state: [velocity = new Float64Array()] }) {
      const moved = delta.map((change, at) => change + (velocity[at] ?? 0) / 2);
      return { next: base.map((value, at) => value + (moved[at] ?? 0)), state: [moved] };
    },
  });

  it.each(profiles)('makes the right models with faults of the profile %s', async (faults) => {
    for (const strategy of [midrange, momentum]) {
      const plan = { rounds, cohortSize: 4, overSelection: 1.5 };
      const report = await createSimulation({ seed: firstSeed, clients, plan, faults, strategy }).explore();
      expect(report, `seed ${firstSeed}, ${strategy.kind}`).toMatchObject({ violation: null, roundsCommitted: rounds });
    }
  });

  it('that is not the same each time is found out', async () => {
    let calls = 0;
    const strategy = defineOwnStrategy({
      kind: 'gathering',
      combine({ values: [first = new Float64Array()] }) {
        calls += 1;
        return first.map((value) => value + calls);
      },
    });
    const { violation } = await createSimulation({ plan: { rounds: 1, minClients: 2 }, strategy }).explore();
    expect(violation).toMatchObject({ invariant: 'right model' });
  });
});
