import { spawnSync } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { decodeSafetensors } from '../../../src/wire/safetensors.ts';
import { endParticipants, runParticipant, type Sent, type Server, startServer } from './harness.ts';

const rounds = 10;
const participants = 4;
const hasPython = spawnSync('python3', ['--version']).status === 0;

let server: Server | null = null;
afterEach(async () => {
  endParticipants();
  await server?.chorus.close();
  server = null;
});

const scripts = [
  {
    language: 'JavaScript',
    command: process.execPath,
    script: new URL('./participant.mjs', import.meta.url),
    isThere: true,
  },
  { language: 'Python', command: 'python3', script: new URL('./participant.py', import.meta.url), isThere: hasPython },
];
const bodies = [
  { dtype: '<f4', counted: 'yes' },
  { dtype: '<f8', counted: 'yes' },
  { dtype: '<f4', counted: 'no' },
] as const;
const cases = scripts.flatMap((one) => bodies.map((body) => ({ ...one, ...body })));

/** A participant that obeyed a `round` it heard too late sent something again with the token it had: that does not count. */
const firstPerToken = (log: readonly Sent[]): Sent[] =>
  log.filter(({ token }, index) => log.findIndex((one) => one.token === token) === index);

/** Σ weightᵢ · sentᵢ / Σ weightᵢ, which float64 holds exactly up to the division. */
function meanOf(sent: readonly Sent[], dtype: '<f4' | '<f8'): number[] {
  const weights = sent.map(({ count }) => (sent.every((one) => one.count === 0) ? 1 : count));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return (sent[0]?.sent ?? []).map((_, at) => {
    const mean = sent.reduce((sum, one, index) => sum + (weights[index] ?? 0) * (one.sent[at] ?? 0), 0) / total;
    return dtype === '<f4' ? Math.fround(mean) : mean;
  });
}

describe('participants of the XAIN API, as scripts of their own', () => {
  it.each(cases.filter(({ isThere }) => isThere))(
    'in $language complete 10 rounds × 4 with each selection counted exactly once (dtype $dtype, counted: $counted)',
    async ({ command, script, dtype, counted }) => {
      server = await startServer({ plan: { rounds, minClients: participants } });
      const { chorus, coordinatorUrl } = server;
      const args = (index: number) => [coordinatorUrl, String(index), dtype, counted];
      const logs = await Promise.all(
        Array.from({ length: participants }, (_, index) => runParticipant(command, script, args(index))),
      );

      expect(logs.map((log) => firstPerToken(log).length)).toEqual(Array(participants).fill(rounds));
      const history = chorus.handle.rounds().reverse();
      expect(history.map(({ round, phase }) => `${round} ${phase}`)).toEqual(
        Array.from({ length: rounds }, (_, index) => `${index + 1} committed`),
      );
      expect(chorus.handle.metrics().updatesTotal).toMatchObject({ accepted: rounds * participants, refused: 0 });
      let previous: number[] | null = null;
      for (const { round, cohort, contributions, exclusions, modelVersion, numExamples } of history) {
        // The nth token is that of the nth round, whatever round the participant took it for.
        const sent = logs.map((log) => firstPerToken(log)[round - 1]).filter((one) => one !== undefined);
        expect(contributions.map(({ clientId }) => clientId).sort()).toEqual([...cohort].sort());
        expect(sent.map(({ id }) => id).sort()).toEqual([...cohort].sort());
        expect(exclusions).toEqual([]);
        expect(contributions.map((one) => one.numExamples).sort()).toEqual(sent.map(({ count }) => count).sort());
        expect(numExamples).toBe(sent.reduce((sum, { count }) => sum + count, 0));

        const { weights } = decodeSafetensors((await chorus.handle.openModel(modelVersion ?? 0)).bytes).tensors;
        expect(weights?.dtype).toBe(dtype === '<f4' ? 'F32' : 'F64');
        expect(weights?.shape).toEqual(dtype === '<f4' ? [2, 3] : [5]);
        expect([...(weights?.data ?? [])]).toEqual(meanOf(sent, dtype));
        expect(sent.map(({ received }) => received)).toEqual(Array(participants).fill(previous));
        previous = [...(weights?.data ?? [])];
      }
    },
    60_000,
  );
});
