import { describe, expect, it } from 'vitest';
import {
  createSimulation,
  drawScenario,
  type FaultKind,
  type FaultProfile,
  faultProfiles,
} from '../../src/testing/index.ts';

const profiles = Object.keys(faultProfiles) as FaultProfile[];
const firstSeed = Number(process.env.CHORUS_SIM_SEED ?? Math.floor(Date.now() / 60_000) % 1_000_000);
const evaluation = { evaluateEvery: 1, evaluationWindowMs: 3_000 } as const;

describe(`an evaluation, from seed ${firstSeed}`, () => {
  it.each(profiles)(
    'says the mean of its results, and holds up no run, with faults of the profile %s',
    async (profile) => {
      for (let seed = firstSeed; seed < firstSeed + 10; seed += 1) {
        const scenario = drawScenario(seed, { profile, clients: 8, rounds: 3, mode: 'synchronous' });
        const simulation = createSimulation({ ...scenario, plan: { ...scenario.plan, ...evaluation } });
        expect((await simulation.explore()).violation, `seed ${seed}`).toBeNull();
        expect(simulation.handle?.status().runState, `seed ${seed}`).toBe('finished');
      }
    },
  );
});

describe('evaluators', () => {
  const run = async (faults: Partial<Record<FaultKind, number>>) => {
    const plan = {
      ...evaluation,
      evaluateBy: 'both',
      rounds: 10,
      minClients: 6,
      quorum: 1,
      trainingWindowMs: 5_000,
      heartbeatIntervalMs: 1_000,
    } as const;
    const simulation = createSimulation({ seed: 7, clients: 12, plan, faults, faultsUntilMs: 600_000 });
    expect(await simulation.run()).toMatchObject({ roundsCommitted: 10 });
    const attempts = simulation.handle?.rounds(100).filter(({ kind }) => kind === 'evaluation') ?? [];
    return { attempts, transcript: simulation.transcript.join('\n') };
  };

  it('that all answer are all counted', async () => {
    const { attempts, transcript } = await run({});
    expect(attempts).toHaveLength(10);
    expect(transcript.match(/model\.judged/g)).toHaveLength(10);
    for (const { phase, cohort, contributions } of attempts) {
      expect([phase, contributions.length]).toEqual(['evaluated', cohort.length]);
    }
  });

  it('that cannot evaluate are left out', async () => {
    const { attempts, transcript } = await run({ malformed: 1 });
    expect(transcript.includes('cannot evaluate')).toBe(true);
    const missing = attempts.flatMap(({ cohort, contributions }) => cohort.length - contributions.length);
    expect(Math.max(...missing)).toBeGreaterThan(0);
  });

  it('that measure no number are refused', async () => {
    const { transcript } = await run({ notFinite: 1 });
    expect(transcript.includes('METRICS_INVALID')).toBe(true);
    expect(transcript.includes('evaluation.missed')).toBe(true);
  });

  it.each(['dropout', 'straggler'] as const)('that are late or lost hold nobody up (%s)', async (kind) => {
    const { attempts, transcript } = await run({ [kind]: 1 });
    const excluded = attempts.flatMap(({ exclusions }) => exclusions.map(({ reason }) => reason));
    expect(excluded.length).toBeGreaterThan(0);
    expect(transcript.includes('evaluation.missed')).toBe(true);
  });
});
