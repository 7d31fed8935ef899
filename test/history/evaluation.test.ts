import { describe, expect, it } from 'vitest';
import { verify } from '../../src/audit/verify.ts';
import type { Evaluate } from '../../src/domain/evaluate.ts';
import type { Plan } from '../../src/domain/plan.ts';
import { beginReplay, follow } from '../../src/history/replay.ts';
import { statusOf } from '../../src/history/situation.ts';
import { memoryFolder } from '../audit/support/memory-folder.ts';
import { Scene, type SceneOptions } from './support/scene.ts';

const plan: Partial<Plan> = {
  rounds: 4,
  minClients: 2,
  evaluateEvery: 1,
  evaluateBy: 'both',
  evaluationWindowMs: 3_000,
  evaluationQuorum: 2,
  trainingWindowMs: 6_000,
  heartbeatIntervalMs: 1_000,
  heartbeatTimeoutMs: 4_000,
  stopMetric: 'accuracy',
  stopPatience: 2,
};
/** The best is version 2. */
const evaluator: Evaluate = ({ version }) => ({ accuracy: version === 2 ? 0.9 : 0.5 });
const options: SceneOptions = { plan, evaluator, keepUpdates: true };

/** Clients do what they are told, for a while. @returns whether the run has no further round. */
async function step(scene: Scene): Promise<boolean> {
  const { status } = scene.handle;
  while (status().population < 2) await scene.join(undefined, true);
  const clients = () => scene.handle.clients().clients.map(({ clientId }) => clientId);
  for (const clientId of clients()) {
    const { state } = scene.handle.client(clientId);
    if (status().phase !== 'training' || (state !== 'selected' && state !== 'training')) continue;
    if (status().kind === 'training') await scene.contribute(clientId, [1, 2]);
    else await scene.evaluate(clientId, { accuracy: 0.75 });
  }
  await scene.advance(500, clients());
  return status().runState === 'finished';
}

async function toTheEnd(scene: Scene): Promise<void> {
  for (let steps = 0; steps < 200; steps += 1) if (await step(scene)) return;
  throw new Error(`The run is still going on: ${scene.handle.status().waitingFor.summary}`);
}

async function replayed(scene: Scene) {
  const past = beginReplay();
  for await (const _ of follow(memoryFolder(scene.disk).entries(), past));
  return past;
}

const outcome = (scene: Scene) => ({
  run: scene.handle.run(),
  models: scene.handle.models().map(({ version, best, evaluations }) => ({
    version,
    best,
    by: evaluations.map(({ by, metrics, failure }) => [by, metrics.accuracy, failure]),
  })),
});

describe('a run with evaluations', () => {
  it('comes to the same end when its process ends between any two facts', async () => {
    const recorded = await Scene.begin(options);
    await toTheEnd(recorded);
    const expected = outcome(recorded);
    expect(expected.run).toMatchObject({ state: 'finished', roundsCommitted: 4, bestVersion: 2 });
    expect(expected.run?.reason).toMatch(/^accuracy did not improve the last 2 times/);
    expect(expected.models.map(({ by }) => by)).toEqual(
      [0.5, 0.9, 0.5, 0.5].map((accuracy) => [
        ['server', accuracy, null],
        ['clients', 0.75, null],
      ]),
    );
    expect(recorded.diskBefore.size).toBeGreaterThan(60);
    for (const [seq, { files, atMs }] of recorded.diskBefore) {
      const label = `before fact ${seq}`;
      const scene = await Scene.begin({ ...options, files, nowMs: atMs + 1_000 });
      await toTheEnd(scene);
      const { run, models } = outcome(scene);
      expect(models, label).toEqual(expected.models);
      expect(run, label).toMatchObject({ state: 'finished', roundsCommitted: 4, reason: expected.run?.reason });
      expect(scene.crashes, label).toEqual([]);
      const report = await verify(memoryFolder(scene.disk));
      expect(report.problems, label).toEqual([]);
      const past = await replayed(scene);
      expect(past.history.models, label).toEqual(scene.handle.models());
      expect(statusOf(past), label).toMatchObject({ runState: 'finished', round: 4, kind: null });
      scene.kill();
    }
  }, 180_000);

  it('goes on with an evaluation, its results and its deadline after a restart', async () => {
    const scene = await Scene.begin({ ...options, plan: { ...plan, evaluateBy: 'clients' } });
    const clients = [await scene.join('a', true), await scene.join('b', true)] as const;
    for (const clientId of clients) await scene.contribute(clientId, [1, 2]);
    await scene.evaluate(clients[0], { accuracy: 0.5 });
    const { waitingFor, ...before } = scene.handle.status();
    expect(before).toMatchObject({ kind: 'evaluation', round: 1, attempt: 2, contributions: 1 });
    scene.kill();
    await scene.start();
    expect(scene.handle.status()).toMatchObject({
      ...{ kind: 'evaluation', round: 1, attempt: 2, contributions: 1, phase: 'training' },
      waitingFor: { deadlineAtMs: waitingFor.deadlineAtMs },
    });
    await scene.evaluate(clients[1], { accuracy: 1 });
    expect(scene.handle.models()[0]?.evaluations).toMatchObject([{ metrics: { accuracy: 0.75 }, clients: 2 }]);
    expect(scene.handle.status()).toMatchObject({ kind: 'training', round: 2, attempt: 1 });
  });

  it('evaluates anew after a crash when rounds are kept as a whole', async () => {
    const scene = await Scene.begin({ ...options, durability: 'round', plan: { ...plan, evaluateBy: 'clients' } });
    const clients = [await scene.join('a', true), await scene.join('b', true)] as const;
    for (const clientId of clients) await scene.contribute(clientId, [1, 2]);
    await scene.evaluate(clients[0], { accuracy: 0.5 });
    scene.kill();
    await scene.start();
    expect(scene.handle.status()).toMatchObject({ kind: 'evaluation', round: 1, attempt: 3, contributions: 0 });
    for (const clientId of clients) await scene.evaluate(clientId, { accuracy: 1 });
    expect(scene.handle.models()[0]?.evaluations).toMatchObject([{ metrics: { accuracy: 1 }, clients: 2 }]);
    const past = await replayed(scene);
    expect(past.history.models).toEqual(scene.handle.models());
    expect(past.history.rounds.at(-1)).toMatchObject({ kind: 'evaluation', phase: 'evaluated', numExamples: 2 });
  });

  it('may begin at a checkpoint anywhere, and comes to the same', async () => {
    const scene = await Scene.begin(options);
    await toTheEnd(scene);
    const entries = await scene.entries();
    const whole = beginReplay();
    for (const [index, entry] of entries.entries()) {
      whole.history.apply(entry);
      const later = beginReplay();
      const state = JSON.parse(JSON.stringify(whole.history.checkpoint()));
      later.history.apply({ seq: entry.seq + 1, atMs: entry.atMs, fact: { type: 'checkpoint', state } });
      for (const after of entries.slice(index + 1)) later.history.apply(after);
      expect(later.history.models).toEqual(scene.handle.models());
      expect(later.history.run).toEqual((await replayed(scene)).history.run);
    }
  });
});

it('reads a history from before there were evaluations', async () => {
  const scene = await Scene.begin({ plan: { rounds: 2, minClients: 1 } });
  const client = await scene.join();
  for (let round = 1; round <= 2; round += 1) await scene.contribute(client, [1, 2]);
  const entries = await scene.entries();
  const old = JSON.parse(JSON.stringify(entries), (key, value) =>
    /^(evaluat|stop|hyperparametersByRound|progress|kind$)/.test(key) ? undefined : value,
  );
  const past = beginReplay();
  for (const entry of old) past.history.apply(entry);
  expect(past.history.run).toEqual((await replayed(scene)).history.run);
  expect(past.history.rounds).toEqual((await replayed(scene)).history.rounds);
  const restored = beginReplay();
  const state = JSON.parse(JSON.stringify(past.history.checkpoint()), (key, value) =>
    /^(evaluat|stop|hyperparametersByRound|progress|kind$|best$)/.test(key) ? undefined : value,
  );
  restored.history.apply({ seq: 1, atMs: 0, fact: { type: 'checkpoint', state } });
  expect(restored.history.checkpoint()).toEqual(past.history.checkpoint());
});
