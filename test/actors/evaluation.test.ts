import { describe, expect, it } from 'vitest';
import type { Evaluate } from '../../src/domain/evaluate.ts';
import type { Plan } from '../../src/domain/plan.ts';
import { TestChorus, type TestClient, vector } from '../../src/testing/index.ts';
import { codeOf } from '../support/code-of.ts';

const chorusWith = (plan: Partial<Plan> = {}, evaluator?: Evaluate) =>
  TestChorus.create({
    plan: { rounds: 2, minClients: 2, evaluateEvery: 1, evaluationWindowMs: 5_000, ...plan },
    ...(evaluator ? { evaluator } : {}),
  });

const joinEvaluators = async (test: TestChorus, count: number): Promise<TestClient[]> => {
  const clients: TestClient[] = [];
  for (let client = 0; client < count; client += 1) clients.push(await test.join({ evaluates: true }));
  return clients;
};

/** All of them train. */
async function trainAll(test: TestChorus, clients: readonly TestClient[], weight = 1): Promise<void> {
  for (const client of clients) await client.contribute([weight]);
  await test.settle();
}

const evaluationsOf = (test: TestChorus, version: number) => test.handle.models()[version - 1]?.evaluations;

describe('an evaluation by clients', () => {
  it('comes after its round, weighs what they measured, and makes no version', async () => {
    const test = await chorusWith();
    const clients = (await joinEvaluators(test, 2)) as [TestClient, TestClient];
    await trainAll(test, clients, 7);
    expect(test.handle.status()).toMatchObject({ round: 1, attempt: 2, kind: 'evaluation', phase: 'training' });
    expect(clients.map((client) => client.beat())).toMatchObject([
      { state: 'selected', round: 1 },
      { state: 'selected', round: 1 },
    ]);
    const ticket = await clients[0].start();
    expect(ticket).toMatchObject({ task: 'evaluate', round: 1, modelVersion: 1 });
    expect(clients[0].download()).toEqual(vector([7]));
    const receipt = await clients[0].evaluate({ accuracy: 0.5, loss: 1 }, 3);
    expect(receipt).toMatchObject({ round: 1, clientId: clients[0].clientId, numExamples: 3 });
    expect(clients[0].state).toBe('done');
    await clients[1].evaluate({ accuracy: 0.9, lag: 2 }, 1);
    await test.settle();
    // (0.5·3 + 0.9·1) / 4; what only some report is no mean of all.
    expect(evaluationsOf(test, 1)).toEqual([
      { by: 'clients', atMs: test.nowMs, metrics: { accuracy: 0.6 }, numExamples: 4, clients: 2, failure: null },
    ]);
    expect(test.handle.models()).toHaveLength(1);
    expect(test.handle.status()).toMatchObject({ round: 2, attempt: 1, kind: 'training', phase: 'training' });
    expect(test.handle.round(1)).toMatchObject({ kind: 'training', attempt: 1, phase: 'committed' });
    expect(test.handle.round(1, 'evaluation')).toMatchObject({ attempt: 2, phase: 'evaluated', modelVersion: 1 });
    await trainAll(test, clients);
    for (const client of clients) await client.evaluate({ accuracy: 1 });
    await test.settle();
    expect(test.handle.status()).toMatchObject({ runState: 'finished', round: 2, modelVersion: 2 });
    expect(test.handle.metrics()).toMatchObject({
      roundsCommittedTotal: 2,
      roundsAbandonedTotal: 0,
      evaluationsTotal: { done: 2, failed: 0 },
    });
    expect(test.crashes).toEqual([]);
  });

  it('is what an operation that is tried out says is open', async () => {
    const test = await chorusWith();
    const clients = await joinEvaluators(test, 2);
    await trainAll(test, clients);
    const { round, attempt } = test.handle.status();
    expect({ round, attempt }).toEqual({ round: 1, attempt: 2 });
    const { before, after } = test.handle.operate({ operation: 'pause' }, { dryRun: true });
    expect([before, after]).toMatchObject([
      { round, attempt },
      { round, attempt },
    ]);
  });

  it('comes every n rounds, and after the last one', async () => {
    const test = await chorusWith({ rounds: 5, evaluateEvery: 2, minClients: 1 });
    const clients = (await joinEvaluators(test, 1)) as [TestClient];
    const evaluated: number[] = [];
    while (test.handle.status().runState === 'running') {
      if (test.handle.status().kind === 'training') await trainAll(test, clients);
      else {
        evaluated.push(test.handle.status().modelVersion ?? 0);
        await clients[0].evaluate({ loss: 1 });
        await test.settle();
      }
    }
    expect(evaluated).toEqual([2, 4, 5]);
  });

  it('asks only those who can, and of those a sample when the plan says so', async () => {
    const test = await chorusWith({ minClients: 6, evaluationRatio: 0.5 });
    const others = await test.joinMany(2);
    const evaluators = await joinEvaluators(test, 4);
    await trainAll(test, [...others, ...evaluators]);
    expect(test.handle.status()).toMatchObject({ kind: 'evaluation', target: 2, quorum: 1, counts: { selected: 2 } });
    expect(others.map(({ state }) => state)).toEqual(['waiting', 'waiting']);
  });

  it('takes a client at its newest word: one that came back without the ability is not asked', async () => {
    const test = await chorusWith({ minClients: 1 });
    const clients = (await joinEvaluators(test, 1)) as [TestClient];
    await trainAll(test, clients);
    test.handle.rendezvous({ clientId: clients[0].clientId });
    await test.settle();
    expect(clients[0].state).toBe('ignored');
    await test.advance(5_100, { alive: clients });
    await trainAll(test, clients);
    expect(test.handle.client(clients[0].clientId).evaluates).toBeUndefined();
    expect(test.handle.status()).toMatchObject({ runState: 'finished' });
    expect(evaluationsOf(test, 2)).toMatchObject([{ failure: '0 clients were there that can evaluate; 1 is needed' }]);
  });

  it('that nobody can do is recorded with its reason, and the run goes on at once', async () => {
    const test = await chorusWith();
    const clients = await test.joinMany(2);
    await trainAll(test, clients);
    expect(test.handle.status()).toMatchObject({ round: 2, kind: 'training', attempt: 1 });
    expect(test.handle.round(1, 'evaluation')).toMatchObject({
      phase: 'abandoned',
      reason: 'tooFewClients: 0 clients were there that can evaluate; 1 is needed',
    });
    expect(evaluationsOf(test, 1)).toMatchObject([
      { by: 'clients', metrics: {}, failure: expect.stringMatching(/^0 c/) },
    ]);
    await trainAll(test, clients);
    expect(test.handle.status().runState).toBe('finished');
    expect(test.handle.metrics().evaluationsTotal).toEqual({ done: 0, failed: 2 });
  });

  it('ends at its window: with its quorum it counts, without it does not, and training goes on either way', async () => {
    const test = await chorusWith({ minClients: 3, evaluationQuorum: 2 });
    const clients = (await joinEvaluators(test, 3)) as [TestClient, TestClient, TestClient];
    await trainAll(test, clients);
    await clients[0].evaluate({ loss: 1 });
    await test.advance(4_900, { alive: clients });
    expect(test.handle.status()).toMatchObject({ kind: 'evaluation', contributions: 1 });
    await test.advance(200, { alive: clients });
    expect(evaluationsOf(test, 1)).toMatchObject([
      { failure: '1 of the 2 results needed had come when the evaluation window closed' },
    ]);
    expect(test.handle.status()).toMatchObject({ round: 2, attempt: 1, kind: 'training', runState: 'running' });
    await trainAll(test, clients);
    await clients[0].evaluate({ loss: 1 });
    await clients[2].evaluate({ loss: 2 });
    await test.advance(5_100, { alive: clients });
    expect(evaluationsOf(test, 2)).toMatchObject([{ metrics: { loss: 1.5 }, clients: 2, failure: null }]);
    expect(test.handle.round(2, 'evaluation').exclusions).toMatchObject([{ reason: 'straggler' }]);
    expect(test.handle.status().runState).toBe('finished');
  });

  it('replaces a client that is lost, and needs half of those asked by default', async () => {
    const test = await chorusWith({ minClients: 3, evaluationCohortSize: 2 });
    const clients = (await joinEvaluators(test, 3)) as [TestClient, TestClient, TestClient];
    await trainAll(test, clients);
    const asked = clients.filter(({ state }) => state === 'selected') as [TestClient, TestClient];
    expect(asked).toHaveLength(2);
    const [spare] = clients.filter((client) => !asked.includes(client)) as [TestClient];
    test.handle.leave(asked[0].clientId);
    await test.settle();
    expect(spare.state).toBe('selected');
    test.handle.leave(spare.clientId);
    await asked[1].evaluate({ loss: 3 });
    await test.settle();
    expect(evaluationsOf(test, 1)).toMatchObject([{ metrics: { loss: 3 }, clients: 1, failure: null }]);
  });

  it('counts a result once: the same again has the same receipt, another is a conflict', async () => {
    const test = await chorusWith();
    const clients = (await joinEvaluators(test, 2)) as [TestClient, TestClient];
    await trainAll(test, clients);
    const { clientId } = clients[0];
    const report = (metrics: Record<string, number>) =>
      test.handle.reportEvaluation(clientId, { round: 1, numExamples: 2, metrics });
    expect(await codeOf(() => report({ loss: 1 }))).toBe('EVALUATION_DISCARDED');
    const receipt = await clients[0].evaluate({ loss: 1, accuracy: 0.5 }, 2);
    expect(await report({ accuracy: 0.5, loss: 1 })).toEqual(receipt);
    expect(await codeOf(() => report({ loss: 2 }))).toBe('EVALUATION_CONFLICT');
    await clients[1].evaluate({ loss: 1 }, 2);
    await test.settle();
    expect(await report({ accuracy: 0.5, loss: 1 })).toEqual(receipt);
    expect(evaluationsOf(test, 1)).toMatchObject([{ numExamples: 4, clients: 2 }]);
  });

  it('refuses what is no result, and changes nothing', async () => {
    const test = await chorusWith({ numExamplesMax: 100 });
    const clients = (await joinEvaluators(test, 2)) as [TestClient, TestClient];
    await trainAll(test, clients);
    await clients[0].start();
    const { clientId } = clients[0];
    const report = (given: { round?: number; numExamples?: number; metrics?: object }) =>
      codeOf(() =>
        test.handle.reportEvaluation(clientId, { round: 1, numExamples: 1, metrics: {}, ...given } as never),
      );
    for (const numExamples of [0, -1, 1.5, 101, Number.NaN]) {
      expect(await report({ numExamples })).toBe('NUM_EXAMPLES_INVALID');
    }
    for (const metrics of [
      { loss: Number.NaN },
      { loss: Infinity },
      { loss: '1' },
      { '': 1 },
      { ['x'.repeat(200)]: 1 },
    ]) {
      expect(await report({ metrics })).toBe('METRICS_INVALID');
    }
    expect(await report({ round: 2 })).toBe('EVALUATION_DISCARDED');
    expect(await report({ round: 0 })).toBe('EVALUATION_DISCARDED');
    expect(clients[0].state).toBe('training');
    expect(test.handle.status()).toMatchObject({ kind: 'evaluation', contributions: 0 });
  });

  it('takes no update, from nobody', async () => {
    const test = await chorusWith();
    const clients = (await joinEvaluators(test, 2)) as [TestClient, TestClient];
    await clients[0].start();
    const ofTraining = clients[0].ticket;
    await trainAll(test, clients);
    await clients[0].start();
    expect(clients[0].ticket?.trainingToken).not.toBe(ofTraining?.trainingToken);
    expect(await codeOf(() => clients[0].upload(vector([100])))).toBe('TASK_MISMATCH');
    expect(test.handle.status()).toMatchObject({ kind: 'evaluation', contributions: 0 });
  });

  it('says why it waits', async () => {
    const test = await chorusWith();
    const clients = await joinEvaluators(test, 2);
    await trainAll(test, clients);
    await clients[0]?.evaluate({ loss: 1 });
    expect(test.handle.status().waitingFor.summary).toMatch(
      /^The evaluation of round 1 has 1 of 2 results \(quorum 1\); waiting for \w{8}… \(0 evaluating, 1 not started\); at .* it closes with the results it has/,
    );
  });

  it('belongs to its round: a pause takes effect after it, a stop at once', async () => {
    const test = await chorusWith({ rounds: 3 });
    const clients = await joinEvaluators(test, 2);
    await trainAll(test, clients);
    expect(test.handle.pauseRun().runState).toBe('pausing');
    for (const client of clients) await client.evaluate({ loss: 1 });
    await test.settle();
    expect(test.handle.status()).toMatchObject({ runState: 'paused', round: 2 });
    expect(evaluationsOf(test, 1)).toMatchObject([{ metrics: { loss: 1 } }]);
    test.handle.resumeRun();
    await test.settle();
    await trainAll(test, clients);
    expect(test.handle.status().kind).toBe('evaluation');
    test.handle.stopRun();
    await test.settle();
    expect(test.handle.status()).toMatchObject({ runState: 'stopped', phase: 'stopped' });
    expect(test.handle.round(2, 'evaluation').reason).toMatch(/^stopped/);
    expect(test.crashes).toEqual([]);
  });

  it('goes on when the aggregator is lost over it', async () => {
    const test = await chorusWith();
    const clients = (await joinEvaluators(test, 2)) as [TestClient, TestClient];
    await trainAll(test, clients, 3);
    await clients[0].evaluate({ loss: 1 });
    await clients[1].start();
    test.chorus.killAggregator();
    await test.advance(1_000, { alive: clients });
    await clients[1].start();
    expect(clients[1].download()).toEqual(vector([3]));
    await clients[1].evaluate({ loss: 2 });
    await test.settle();
    expect(evaluationsOf(test, 1)).toMatchObject([{ metrics: { loss: 1.5 }, clients: 2 }]);
  });
});

describe('the server’s own evaluator', () => {
  it('measures each version before the next round begins', async () => {
    const seen: unknown[] = [];
    const test = await chorusWith({ evaluateBy: 'server', minClients: 1 }, ({ tensors, version, metadata }) => {
      seen.push([version, [...(tensors.w?.data ?? [])], metadata.round]);
      tensors.w?.data.fill(9);
      return { accuracy: version / 10 };
    });
    const clients = await test.joinMany(1);
    await trainAll(test, clients, 1);
    await trainAll(test, clients, 2);
    expect(seen).toEqual([
      [1, [1], '1'],
      [2, [2], '2'],
    ]);
    expect(evaluationsOf(test, 2)).toEqual([
      { by: 'server', atMs: test.nowMs, metrics: { accuracy: 0.2 }, numExamples: 0, clients: 0, failure: null },
    ]);
    // What it did to its copy is its own matter.
    expect(await test.model(2)).toEqual(vector([2]));
    expect(test.handle.status().runState).toBe('finished');
  });

  it('that fails, answers nonsense or hangs fails that evaluation only, with the reason', async () => {
    const answers: Evaluate[] = [
      () => Promise.reject(new Error('no data')),
      () => ({ accuracy: Number.NaN }),
      () => null as never,
      () => new Promise(() => undefined),
      () => ({ accuracy: 1 }),
    ];
    const test = await chorusWith({ evaluateBy: 'server', minClients: 1, rounds: 5 }, (model) =>
      (answers[model.version - 1] as Evaluate)(model),
    );
    const clients = await test.joinMany(1);
    for (let round = 1; round <= 5; round += 1) {
      await trainAll(test, clients);
      if (round === 4) {
        expect(test.handle.status()).toMatchObject({ phase: 'judging', kind: null, runState: 'running' });
        expect(test.handle.status().waitingFor.summary).toMatch(/^The server evaluates model version 4; at /);
        await test.advance(5_100, { alive: clients });
      }
    }
    expect(test.handle.models().flatMap(({ evaluations }) => evaluations.map(({ failure }) => failure))).toEqual([
      'no data',
      'metrics: "accuracy" is no finite number',
      'evaluate returned no metrics by name',
      'It took longer than 5000 ms',
      null,
    ]);
    expect(test.handle.status().runState).toBe('finished');
    expect(test.crashes).toEqual([]);
  });

  it('is asked before the clients when both are', async () => {
    const test = await chorusWith({ evaluateBy: 'both', minClients: 1, rounds: 1 }, () => ({ accuracy: 0.5 }));
    const clients = await joinEvaluators(test, 1);
    await trainAll(test, clients);
    expect(test.handle.status()).toMatchObject({ kind: 'evaluation' });
    await clients[0]?.evaluate({ accuracy: 0.75 });
    await test.settle();
    expect(evaluationsOf(test, 1)).toMatchObject([{ by: 'server' }, { by: 'clients', metrics: { accuracy: 0.75 } }]);
    expect(test.handle.status().runState).toBe('finished');
  });

  it('must be there when a plan asks for it', async () => {
    await expect(chorusWith({ evaluateBy: 'server' })).rejects.toMatchObject({ code: 'PLAN_INVALID' });
    const test = await chorusWith({ rounds: 1 });
    test.handle.stopRun();
    const code = await codeOf(() => test.handle.startRun({ evaluateBy: 'both' }));
    expect(code).toBe('PLAN_INVALID');
  });
});

describe('a run with a stop metric', () => {
  it('is finished when the target is reached, says so, and has its best version marked', async () => {
    const test = await chorusWith({ rounds: 10, minClients: 1, stopMetric: 'accuracy', stopTarget: 0.9 });
    const clients = await joinEvaluators(test, 1);
    for (const accuracy of [0.5, 0.4, 0.93]) {
      await trainAll(test, clients);
      await clients[0]?.evaluate({ accuracy });
      await test.settle();
      if (accuracy === 0.4) expect(test.handle.models().map(({ best }) => best)).toEqual([true, false]);
    }
    expect(test.handle.run()).toMatchObject({
      state: 'finished',
      roundsCommitted: 3,
      bestVersion: 3,
      reason: 'accuracy reached its target of 0.9 with model version 3: 0.93',
    });
    expect(test.handle.models().map(({ best }) => best)).toEqual([false, false, true]);
    expect(test.handle.status().waitingFor.summary).toMatch(
      /finished: accuracy reached its target .*; 3 rounds committed/,
    );
    expect(test.handle.status()).toMatchObject({ round: 3, roundsTotal: 10 });
    expect(clients[0]?.beat()).toMatchObject({ state: 'finished', round: 3 });
  });

  it('goes by what clients report with their updates when nobody evaluates', async () => {
    const plan = { evaluateEvery: null, rounds: 10, minClients: 1, stopMetric: 'loss', stopDirection: 'min' } as const;
    const test = await chorusWith({ ...plan, stopPatience: 2 });
    const [client] = (await test.joinMany(1)) as [TestClient];
    for (const loss of [3, 1, 2, 1]) {
      await client.start();
      await client.upload(vector([1]), { metrics: { loss } });
      await test.settle();
    }
    expect(test.handle.run()).toMatchObject({
      state: 'finished',
      roundsCommitted: 4,
      bestVersion: 2,
      reason: 'loss did not improve the last 2 times; the best is 1, of model version 2',
    });
    test.handle.startRun({});
    await test.settle();
    await client.contribute([1]);
    await test.settle();
    expect(test.handle.run()).toMatchObject({ state: 'running', bestVersion: null, reason: null });
    expect(test.handle.models().map(({ best }) => best)).toEqual([false, true, false, false, false]);
  });
});

it('hands out the hyperparameters of the round', async () => {
  const test = await chorusWith({
    evaluateEvery: null,
    rounds: 3,
    minClients: 1,
    hyperparameters: { rate: 0.1, epochs: 1 },
    hyperparametersByRound: [
      { fromRound: 3, values: { epochs: 2 } },
      { fromRound: 2, values: { rate: 0.05 } },
    ],
  });
  const [client] = (await test.joinMany(1)) as [TestClient];
  const seen: unknown[] = [];
  for (let round = 1; round <= 3; round += 1) {
    seen.push((await client.start()).hyperparameters);
    await client.upload(vector([1]));
    await test.settle();
  }
  expect(seen).toEqual([
    { rate: 0.1, epochs: 1 },
    { rate: 0.05, epochs: 1 },
    { rate: 0.05, epochs: 2 },
  ]);
});
