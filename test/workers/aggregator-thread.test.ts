import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ChorusError } from '../../src/domain/errors.ts';
import type { Plan } from '../../src/domain/plan.ts';
import { seededRandom } from '../../src/domain/random.ts';
import { createChorus } from '../../src/index.ts';
import { decodeSafetensors } from '../../src/wire/safetensors.ts';
import { call, eventually, expectProblem, patienceMs } from '../http/calls.ts';
import { exactMean } from '../http/exact-mean.ts';
import { type Participant, updateOf } from '../http/participant.ts';
import { RawConnection } from '../http/raw-connection.ts';
import { TestServer } from '../http/test-server.ts';
import { folderForTest } from '../support/folder.ts';

const serverWith = (plan: Partial<Plan>) =>
  TestServer.forTest({ plan: { rounds: 2, heartbeatTimeoutMs: 600_000, attemptsMax: 20, ...plan } });

const weightsOf = (bytes: Uint8Array): number[] => [...(decodeSafetensors(bytes).tensors.w?.data ?? [])];

/** Ends the aggregator's thread, and waits until that is known. */
async function kill(server: TestServer): Promise<void> {
  const before = server.events.length;
  server.chorus.killAggregator();
  await server.event('aggregator.lost', ({ id }) => id > before);
}

async function untilBack(server: TestServer): Promise<void> {
  await eventually(() => server.chorus.notReady()).toBeNull();
  await eventually(() =>
    server.askAggregator('GET', '/readyz').then(
      ({ status }) => status,
      () => 0,
    ),
  ).toBe(200);
}

/** Tries until the aggregator is back; everything in between must be a clear refusal or a broken connection. */
async function insist<Result>(act: () => Promise<Result & { status: number }>): Promise<Result & { status: number }> {
  const giveUpAtMs = performance.now() + patienceMs;
  for (;;) {
    const answer = await act().catch(() => null);
    if (answer && answer.status !== 503) return answer;
    if (performance.now() > giveUpAtMs) throw new Error(`Still ${answer?.status ?? 'no connection'}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('an aggregator whose thread dies', () => {
  it('comes back at its port, and a round that has lost nothing goes on, with its tokens', async () => {
    const server = await serverWith({ minClients: 2 });
    const [first, second] = (await server.joinMany(2)) as [Participant, Participant];
    await first.start();
    for (let loss = 1; loss <= 2; loss += 1) {
      await kill(server);
      expect((await first.beat()).state).toBe('training');
      expect((await second.beat()).state).toMatch(/^(selected|training)$/);
      const asked = await second.ask('POST', '/training');
      if (asked.status !== 200) expectProblem(asked, 'AGGREGATOR_UNAVAILABLE');
      await untilBack(server);
      expect((await first.start()).aggregatorUrl).toBe(server.aggregatorUrl);
    }
    expect((await first.download()).status).toBe(204);
    expect(await first.upload(updateOf([1]))).toMatchObject({ status: 200 });
    await second.start();
    expect(await second.upload(updateOf([3]))).toMatchObject({ status: 200 });
    const { bytes } = await server.model(1);
    expect(weightsOf(bytes)).toEqual([2]);
    expect(server.handle.round(1)).toMatchObject({ attempt: 1, phase: 'committed' });
  });

  it('takes with it what it had received: the round is retried, and only the new attempt counts', async () => {
    const server = await serverWith({ minClients: 2 });
    const [first, second] = (await server.joinMany(2)) as [Participant, Participant];
    await first.contribute([100]);
    await second.start();
    const old = { path: second.uploadPath, token: second.trainingToken };
    await kill(server);
    await server.event('round.abandoned');
    await untilBack(server);
    const late = await insist(() => server.askAggregator('PUT', old.path, { token: old.token, body: updateOf([9]) }));
    expectProblem(late, 'UPDATE_DISCARDED');
    for (const [index, client] of [first, second].entries()) {
      await client.waitUntil('selected');
      await insist(() => client.ask('POST', '/training'));
      await client.contribute([index]);
    }
    const { bytes } = await server.model(1);
    expect(weightsOf(bytes)).toEqual([0.5]);
    const [retried, abandoned] = server.handle.rounds().slice(-2);
    expect(abandoned).toMatchObject({
      attempt: 1,
      phase: 'abandoned',
      reason: expect.stringMatching(/^aggregatorLost/),
    });
    expect(retried).toMatchObject({ attempt: 2, phase: 'committed' });
  });

  it('goes on with what it had received where that is on the disk: the model has the same bits', async () => {
    const values = [0.1, 1e7, -3.3, 2 ** -20, 123_456.7];
    const models: Uint8Array[] = [];
    for (const storage of ['memory', { dir: folderForTest() }] as const) {
      const server = await TestServer.forTest({ storage, plan: { rounds: 1, minClients: 5, participantsRatio: 1 } });
      const clients = await server.joinMany(5);
      for (const [index, value] of values.entries()) {
        const client = clients[index] as Participant;
        await client.waitUntil('selected');
        await client.contribute([value]);
        if (storage === 'memory' || (index !== 1 && index !== 4)) continue;
        await kill(server);
        await untilBack(server);
      }
      models.push((await server.model(1)).bytes);
      expect(server.handle.round(1)).toMatchObject({ attempt: 1, phase: 'committed' });
      expect(server.events.filter(({ type }) => type === 'round.abandoned')).toEqual([]);
      await server.expectNothingStaged();
    }
    expect(weightsOf(models[1] as Uint8Array)).toEqual(weightsOf(models[0] as Uint8Array));
    expect(models[1]?.byteLength).toBe(models[0]?.byteLength);
  });

  it('breaks off the upload that is under way, and takes it again when it is back', async () => {
    const server = await serverWith({ minClients: 1 });
    const client = await server.join();
    await client.start();
    const update = updateOf(new Array(100_000).fill(2));
    const broken = RawConnection.open(server.aggregatorUrl)
      .head([
        `PUT ${client.uploadPath} HTTP/1.1`,
        `Authorization: Bearer ${client.trainingToken}`,
        `Content-Length: ${update.byteLength}`,
      ])
      .write(update.subarray(0, 200_000));
    await eventually(() => server.metric('chorus_uploads_in_flight')).toBe(1);
    await kill(server);
    await broken.closed();
    const again = await insist(() => client.upload(update));
    expect(again).toMatchObject({
      status: 200,
      json: { receipt: { sha256: createHash('sha256').update(update).digest('hex') } },
    });
    await server.model(1);
    await server.expectNothingStaged();
  });

  it('serves the last model again, to clients in training and to everybody, when it dies between rounds or after the run', async () => {
    const server = await serverWith({ minClients: 1 });
    const client = await server.join();
    await kill(server);
    await untilBack(server);
    await client.waitUntil('selected');
    await insist(() => client.ask('POST', '/training'));
    await client.contribute([1, 2, 3]);
    const { bytes } = await server.model(1);
    await client.waitUntil('selected');
    await client.start();
    await kill(server);
    expect((await server.ask('GET', '/v1/models/latest')).bytes).toEqual(bytes);
    expect((await insist(() => client.download())).bytes).toEqual(bytes);
    await client.contribute([4, 5, 6]);
    const last = await server.model(2);
    await client.waitUntil('finished');
    await kill(server);
    expect((await server.ask('GET', '/v1/models/latest')).bytes).toEqual(last.bytes);
    await untilBack(server);
    expect(await server.order('POST', '/v1/runs', { body: { rounds: 1, initialModel: 'latest' } })).toMatchObject({
      status: 201,
    });
    await client.waitUntil('selected');
    await insist(() => client.ask('POST', '/training'));
    await client.start();
    expect((await client.download()).bytes).toEqual(last.bytes);
  });

  it('twice in a row, and while it is coming up, comes back all the same', async () => {
    const server = await serverWith({ minClients: 1, rounds: 1 });
    const client = await server.join();
    await client.waitUntil('selected');
    await client.start();
    await kill(server);
    await eventually(() => server.handle.status().aggregator).toBe('starting');
    await kill(server);
    expect((await server.ask('GET', '/readyz')).status).toBe(503);
    const answer = await insist(() => client.upload(updateOf([5])));
    expect(answer.status).toBe(200);
    expect(weightsOf((await server.model(1)).bytes)).toEqual([5]);
    expect(await server.metric('chorus_aggregator_restarts_total', server.coordinatorUrl)).toBe(2);
  });

  it('leaves no call without an answer, and a server that closes while it is away', async () => {
    const server = await TestServer.start({ plan: { minClients: 2 } });
    const [client] = (await server.joinMany(2)) as [Participant];
    await kill(server);
    const answers = await Promise.all([
      client.ask('POST', '/training'),
      client.beat(),
      server.ask('GET', '/v1/status'),
      server.order('PUT', `/v1/runs/${server.handle.run()?.run}/model`, { body: updateOf([1]) }),
    ]);
    expect(answers).toHaveLength(4);
    await kill(server);
    await server.close();
    await expect(call('GET', `${server.coordinatorUrl}/healthz`)).rejects.toThrow();
    await expect(call('GET', `${server.aggregatorUrl}/healthz`)).rejects.toThrow();
  });

  it('at any moment spoils no model: each is the exact mean of the contributions its round names', async () => {
    const rounds = 4;
    const server = await serverWith({ rounds, minClients: 3, quorum: 2, trainingWindowMs: 20_000 });
    const random = seededRandom(5);
    const uploaded = new Map<string, { value: number; weight: number }>();
    const clients = await server.joinMany(3);
    const isOver = () => server.handle.status().runState !== 'running';
    const live = async (client: Participant) => {
      while (!isOver()) {
        const { state } = await client.beat();
        if (state === 'finished') return;
        const { status, json } = await client.ask('POST', '/training');
        if (status !== 200) {
          expect(['CLIENT_NOT_SELECTED', 'AGGREGATOR_UNAVAILABLE']).toContain(json.code);
          continue;
        }
        client.ticket = json;
        const update = { value: Math.fround(random.uint32() / 2 ** 32 + 0.5), weight: 1 + random.below(1_000) };
        const bytes = updateOf([update.value], update.weight);
        uploaded.set(createHash('sha256').update(bytes).digest('hex'), update);
        const answer = await client.upload(bytes).catch(() => null);
        expect([undefined, 200, 409, 410, 503]).toContain(answer?.status);
      }
    };
    const killing = (async () => {
      for (let loss = 0; loss < 3; loss += 1) {
        const before = server.events.length + random.below(4);
        const stirs = ['update.accepted', 'update.discarded', 'clients.selected', 'round.committed'];
        await eventually(() => isOver() || server.events.slice(before).some(({ type }) => stirs.includes(type))).toBe(
          true,
        );
        await kill(server);
        await untilBack(server);
      }
    })();
    await Promise.all([killing, ...clients.map(live)]);
    expect(server.handle.status()).toMatchObject({ runState: 'finished', modelVersion: rounds });
    for (let round = 1; round <= rounds; round += 1) {
      const { contributions, modelVersion } = server.handle.round(round);
      expect(contributions.length).toBeGreaterThanOrEqual(2);
      const updates = contributions.map(({ sha256, numExamples }) => {
        const update = uploaded.get(sha256);
        expect(update?.weight).toBe(numExamples);
        return update ?? { value: Number.NaN, weight: 0 };
      });
      const { bytes } = await server.ask('GET', `/v1/models/${modelVersion}`);
      expect(weightsOf(bytes)).toEqual([exactMean(updates)]);
    }
  });
});

describe('a server without ports', () => {
  it('recovers in the same way, and refuses what cannot be', async () => {
    const chorus = await createChorus({ plan: { minClients: 1 } });
    const { clientId } = chorus.handle.rendezvous();
    await eventually(() => chorus.handle.client(clientId).state).toBe('selected');
    expect(await chorus.handle.startTraining(clientId)).toMatchObject({ round: 1, aggregatorUrl: null });
    chorus.killAggregator();
    await eventually(() => chorus.handle.metrics().aggregatorRestartsTotal).toBe(1);
    await eventually(() => chorus.notReady()).toBeNull();
    expect(await chorus.handle.startTraining(clientId)).toMatchObject({ round: 1 });
    await chorus.close();
    await expect(chorus.handle.startTraining(clientId)).rejects.toThrow(ChorusError);
  });
});
