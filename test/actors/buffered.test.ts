import { describe, expect, it } from 'vitest';
import { type Plan, stalenessFactor } from '../../src/domain/plan.ts';
import { TestChorus, type TestChorusOptions, type TestClient, vector } from '../../src/testing/index.ts';
import { encodeSafetensors } from '../../src/wire/safetensors.ts';
import { codeOf } from '../support/code-of.ts';
import { folderForTest } from '../support/folder.ts';
import { until } from '../support/until.ts';

const initial = [10, -20];

async function buffered(plan: Partial<Plan> = {}, options: TestChorusOptions = {}): Promise<TestChorus> {
  const test = await TestChorus.create({
    ...options,
    plan: {
      rounds: 4,
      minClients: 4,
      cohortSize: 2,
      overSelection: 2,
      mode: 'buffered',
      updateKind: 'deltas',
      initialModel: 'upload',
      trainingWindowMs: 10_000,
      ...plan,
    },
  });
  const { run = '' } = test.handle.run() ?? {};
  if (test.handle.status().phase === 'awaitingModel') {
    await test.handle.installModel(run, encodeSafetensors(vector(initial), {}));
    await test.settle();
  }
  return test;
}

const weightsOf = async (test: TestChorus, version: number | 'latest' = 'latest') => [
  ...((await test.model(version)).w?.data ?? []),
];
const upload = (client: TestClient, delta: readonly number[], numExamples = 1) =>
  client.upload(vector(delta), { numExamples });

describe('a buffered run', () => {
  it('makes a version of every cohortSize contributions while the others train on', async () => {
    const test = await buffered();
    const [a, b, c, d] = (await test.joinMany(4)) as [TestClient, TestClient, TestClient, TestClient];
    for (const client of [a, b, c, d]) await client.start();
    await upload(a, [1, 1]);
    await upload(b, [3, 5]);
    await test.settle();
    expect(await weightsOf(test)).toEqual([12, -17]);
    expect(test.handle.status()).toMatchObject({ round: 2, phase: 'training', modelVersion: 2 });
    expect([c, d].map(({ state }) => state)).toEqual(['training', 'training']);
    // It is told of the round it began in, so that it does not think that it went on without it.
    expect(c.beat()).toMatchObject({ state: 'training', round: 1 });
    expect([a, b].map((client) => client.beat())).toMatchObject([
      { state: 'selected', round: 2 },
      { state: 'selected', round: 2 },
    ]);
    expect(test.crashes).toEqual([]);
  });

  it('tells a client that asks for its ticket again while a version is made to come back, and then gives it', async () => {
    const test = await buffered();
    const [a, b, c, d] = (await test.joinMany(4)) as [TestClient, TestClient, TestClient, TestClient];
    for (const client of [a, b, c, d]) await client.start();
    const asked: Promise<string>[] = [];
    test.handle.events.subscribe(({ type, data }) => {
      if (type !== 'phase' || data.phase !== 'aggregating') return;
      for (const client of [a, c]) asked.push(codeOf(() => test.handle.startTraining(client.clientId)));
    });
    await upload(a, [1, 1]);
    await upload(b, [3, 5]);
    await test.settle();
    expect(await Promise.all(asked)).toEqual(['CLIENT_NOT_SELECTED', 'AGGREGATOR_UNAVAILABLE']);
    const { trainingToken } = await test.handle.startTraining(c.clientId);
    expect(trainingToken).toBe(c.ticket?.trainingToken);
  });

  it('gives an update from an older model a smaller weight, and says how old it was', async () => {
    const test = await buffered({ stalenessExponent: 0.5 });
    const [a, b, c, d] = (await test.joinMany(4)) as [TestClient, TestClient, TestClient, TestClient];
    for (const client of [a, b, c, d]) await client.start();
    await upload(a, [0, 0]);
    await upload(b, [0, 0]);
    await test.settle();
    await a.start();
    await upload(c, [4, 8], 3);
    await upload(a, [1, 1], 2);
    await test.settle();
    const factor = 2 ** -0.5;
    const mean = (stale: number, fresh: number) => (3 * factor * stale + 2 * fresh) / (3 * factor + 2);
    expect(await weightsOf(test)).toEqual([Math.fround(10 + mean(4, 1)), Math.fround(-20 + mean(8, 1))]);
    const { contributions } = test.handle.round(2);
    expect(contributions.map(({ clientId, round, staleness }) => [clientId, round, staleness])).toEqual([
      [c.clientId, 1, 1],
      [a.clientId, 2, undefined],
    ]);
    expect(test.handle.round(2).cohort).toContain(d.clientId);
  });

  it('is FedAvg, bit for bit, when the buffer is the cohort and nobody is late', async () => {
    const deltas = [
      [0.1, 1e-7],
      [-0.3, 3],
      [1 / 3, 1e7],
    ];
    const models = [];
    for (const mode of ['buffered', 'synchronous'] as const) {
      const test = await buffered({ mode, rounds: 2, minClients: 3, cohortSize: 3, overSelection: 1 });
      const clients = await test.joinMany(3);
      for (let round = 1; round <= 2; round += 1) {
        for (const client of clients) await client.start();
        for (const [index, client] of clients.entries()) await upload(client, deltas[index] ?? [], index + 1);
        await test.settle();
      }
      expect(test.handle.status().runState).toBe('finished');
      models.push(await weightsOf(test));
    }
    expect(models[0]).toEqual(models[1]);
  });

  it('takes a client out whose model is too old, and replaces it', async () => {
    const test = await buffered({ stalenessMax: 0, rounds: 3 });
    const [a, b, c] = (await test.joinMany(4)) as [TestClient, TestClient, TestClient];
    for (const client of [a, b, c]) await client.start();
    await upload(a, [0, 0]);
    await upload(b, [0, 0]);
    await test.settle();
    expect(c.state).toBe('ignored');
    expect(test.handle.round(2).exclusions).toMatchObject([{ clientId: c.clientId, reason: 'stale' }]);
    expect(await codeOf(() => upload(c, [1, 1]))).toBe('UPDATE_DISCARDED');
    // The fourth had not started, so its model is not old.
    expect(test.handle.status().counts).toMatchObject({ selected: 3, ignored: 1 });
  });

  it('lets everybody go when it is over', async () => {
    const test = await buffered({ rounds: 1 });
    const [a, b, c, d] = (await test.joinMany(4)) as [TestClient, TestClient, TestClient, TestClient];
    for (const client of [a, b, c, d]) await client.start();
    await upload(a, [0, 0]);
    await upload(b, [0, 0]);
    await test.settle();
    expect(test.handle.status()).toMatchObject({ runState: 'finished', counts: { waiting: 4, training: 0 } });
    expect([a, c].map((client) => client.beat().state)).toEqual(['finished', 'finished']);
    expect(await codeOf(() => upload(c, [1, 1]))).toBe('UPDATE_DISCARDED');
  });

  it('gives the same token again to a client that trains on, and takes its update as that of the round it began in', async () => {
    const test = await buffered();
    const [a, b, c] = (await test.joinMany(4)) as [TestClient, TestClient, TestClient];
    for (const client of [a, b, c]) await client.start();
    const { ticket } = c;
    await upload(a, [0, 0]);
    await upload(b, [0, 0]);
    await test.settle();
    expect(await c.start()).toMatchObject({ trainingToken: ticket?.trainingToken, round: 1 });
    expect(await upload(c, [1, 1])).toMatchObject({ round: 1, clientId: c.clientId });
  });

  it('ends at its deadline with a quorum, as any round, and goes on with who is late', async () => {
    const test = await buffered({ quorum: 1 });
    const clients = await test.joinMany(4);
    for (const client of clients) await client.start();
    const [a] = clients;
    if (a) await upload(a, [2, 2]);
    await test.advance(10_100, { alive: clients });
    expect(test.handle.round(1)).toMatchObject({ phase: 'committed', contributions: [{ clientId: a?.clientId }] });
    expect(test.handle.status()).toMatchObject({ round: 2, counts: { training: 3 } });
  });

  it('goes on after a crash with those who trained, whatever round they began in, to the same bits', async () => {
    const models = [];
    for (const crashes of [false, true]) {
      const dir = folderForTest();
      let test = await buffered({ rounds: 2 }, { storage: { dir } });
      const restart = async (clients: TestClient[]) => {
        if (!crashes) return clients;
        await test.chorus.close({ graceMs: 0 });
        test = await TestChorus.create({ storage: { dir } });
        return clients.map((client) => test.adopt(client));
      };
      let clients = await test.joinMany(4);
      // A real disk takes a while.
      const reached = (wanted: object) => until(() => expect(test.handle.status()).toMatchObject(wanted));
      await reached({ counts: { selected: 4 } });
      for (const client of clients) await client.start();
      for (const client of clients.slice(0, 2)) await upload(client, [0.1, 7], 3);
      await reached({ round: 2, counts: { selected: 2 } });
      clients = await restart(clients);
      expect(clients.map(({ state }) => state)).toEqual(['selected', 'selected', 'training', 'training']);
      if (clients[2]) await upload(clients[2], [1 / 3, 1e6], 5);
      clients = await restart(clients);
      if (clients[0]) await clients[0].contribute([0.7, -3], 2);
      await reached({ runState: 'finished' });
      models.push(await weightsOf(test));
      expect(test.crashes).toEqual([]);
      await test.chorus.close();
    }
    expect(models[0]).toEqual(models[1]);
  });
});

describe('the weight of an older update', () => {
  it('falls with its age as the exponent says, from 1', () => {
    const plan = (stalenessExponent: number) => ({ stalenessExponent }) as Plan;
    expect(stalenessFactor(plan(0.5), 0)).toBe(1);
    expect(stalenessFactor(plan(0.5), 3)).toBe(0.5);
    expect(stalenessFactor(plan(1), 3)).toBe(0.25);
    expect(stalenessFactor(plan(0), 9)).toBe(1);
  });
});
