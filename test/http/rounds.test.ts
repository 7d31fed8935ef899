import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/domain/random.ts';
import { decodeSafetensors } from '../../src/wire/safetensors.ts';
import { type Answer, expectProblem } from './calls.ts';
import { exactMean } from './exact-mean.ts';
import { type Participant, updateOf } from './participant.ts';
import { TestServer } from './test-server.ts';

const weightsOf = ({ bytes }: Answer): number[] => [...(decodeSafetensors(bytes).tensors.w?.data ?? [])];

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('a run over HTTP', () => {
  it('commits the exact weighted mean of three unequal clients for three rounds, then says finished, then runs again', async () => {
    const server = await TestServer.forTest({ plan: { rounds: 3, minClients: 3 } });
    const clients = await server.joinMany(3);
    const random = seededRandom(11);
    const examples = [1, 1_000, 1_234_567];
    const draw = () => Array.from({ length: 1_000 }, () => Math.fround(random.uint32() / 2 ** 31 - 1 + 2 ** -10));

    for (let round = 1; round <= 3; round += 1) {
      const updates = clients.map(draw);
      for (const [index, client] of clients.entries()) {
        expect(await client.waitUntil('selected')).toMatchObject({ round });
        const ticket = await client.start();
        expect(ticket).toMatchObject({ round, modelVersion: round === 1 ? null : round - 1 });
        expect(ticket.aggregatorUrl).toBe(server.aggregatorUrl);
        const model = await client.download();
        if (round === 1) expect(model).toMatchObject({ status: 204, bytes: new Uint8Array(0) });
        else expect(model.bytes).toEqual((await server.model(round - 1)).bytes);
        const bytes = updateOf(updates[index] ?? [], examples[index], { loss: index });
        const { status, json } = await client.upload(bytes);
        expect(status).toBe(200);
        const { clientId } = client;
        const receipt = { round, clientId, sha256: sha256Of(bytes), numExamples: examples[index] };
        expect(json).toEqual({ verdict: 'accepted', receipt });
      }
      const committed = await server.model(round);
      const expected = draw().map((_, at) =>
        exactMean(clients.map((_, index) => ({ value: updates[index]?.[at] ?? 0, weight: examples[index] ?? 0 }))),
      );
      expect(weightsOf(committed)).toEqual(expected);
      expect(committed.headers.get('etag')).toBe(`"${sha256Of(committed.bytes)}"`);
      const { json: record } = await server.ask('GET', `/v1/rounds/${round}`);
      expect(record).toMatchObject({
        round,
        attempt: 1,
        phase: 'committed',
        modelVersion: round,
        numExamples: 1_235_568,
      });
      expect(record.contributions).toHaveLength(3);
      expect(record.metrics.loss).toBeCloseTo((1_000 + 2 * 1_234_567) / 1_235_568, 12);
    }

    for (const client of clients) expect((await client.waitUntil('finished')).round).toBe(3);
    const firstRun = (await server.ask('GET', '/v1/status')).json.run;
    const second = await server.order('POST', '/v1/runs', { body: { rounds: 1 } });
    expect(second).toMatchObject({ status: 201, json: { state: 'running', plan: { rounds: 1, minClients: 3 } } });
    expect(second.json.run).not.toBe(firstRun);
    for (const [index, client] of clients.entries()) {
      await client.waitUntil('selected');
      await client.contribute([index], 2 ** index);
    }
    // (0·1 + 1·2 + 2·4) / 7
    expect(weightsOf(await server.model(4))).toEqual([Math.fround(10 / 7)]);
    for (const client of clients) await client.waitUntil('finished');
  });

  it('refuses ids and tokens it never gave out before, during and after a run, and nothing changes', async () => {
    const server = await TestServer.forTest({ plan: { rounds: 1, minClients: 1 }, autoStart: false });
    const ids = [
      crypto.randomUUID(),
      '00000000-0000-8000-8000-000000000000',
      'nonsense',
      '%00',
      '…',
      '..%2f..',
      'a'.repeat(200),
    ];

    async function refusesStrangers(): Promise<void> {
      const { uptimeMs: _, ...before } = server.handle.status();
      for (const id of ids) {
        for (const [method, path] of [
          ['POST', '/heartbeat'],
          ['POST', '/training'],
          ['DELETE', ''],
        ] as const) {
          const answer = await server.ask(method, `/v1/clients/${encodeURI(id)}${path}`, { token: 'a-token' });
          expectProblem(answer, 'CLIENT_UNKNOWN');
        }
        expectProblem(await server.order('GET', `/v1/clients/${encodeURI(id)}`), 'CLIENT_UNKNOWN');
        for (const [method, path] of [
          ['PUT', `updates/${encodeURI(id)}`],
          ['GET', 'model'],
        ] as const) {
          const body = method === 'PUT' ? { body: updateOf([1]) } : {};
          const answer = await server.askAggregator(method, `/v1/rounds/1/${path}`, {
            token: crypto.randomUUID(),
            ...body,
          });
          expectProblem(answer, 'TRAINING_TOKEN_INVALID');
        }
      }
      const body = { clientId: crypto.randomUUID() };
      expectProblem(await server.ask('POST', '/v1/clients', { body, token: 'a-token' }), 'CLIENT_UNKNOWN');
      const { uptimeMs: __, ...after } = server.handle.status();
      expect(after).toEqual(before);
    }

    await refusesStrangers();
    await server.order('POST', '/v1/runs');
    const client = await server.join();
    await client.waitUntil('selected');
    await client.start();
    await refusesStrangers();
    await client.contribute([3]);
    expect(weightsOf(await server.model(1))).toEqual([3]);
    await client.waitUntil('finished');
    await refusesStrangers();
  });
});

describe('a round over HTTP', () => {
  const heartbeats = { heartbeatIntervalMs: 100, heartbeatTimeoutMs: 800 };

  it('goes on without a selected client that vanishes', async () => {
    const server = await TestServer.forTest({ plan: { rounds: 1, minClients: 3, quorum: 2, ...heartbeats } });
    const [first, second, vanishing] = (await server.joinMany(3)) as [Participant, Participant, Participant];
    for (const client of [first, second]) client.stayAlive();
    expect(vanishing.state).toBe('selected');
    await first.contribute([1]);
    await second.contribute([4], 2);
    expect(weightsOf(await server.model(1))).toEqual([3]);
    const { exclusions } = server.handle.round(1);
    expect(exclusions).toMatchObject([{ clientId: vanishing.clientId, reason: 'heartbeatTimeout' }]);
    expectProblem(await vanishing.ask('POST', '/heartbeat'), 'CLIENT_UNKNOWN');
  });

  it('replaces a selected client that vanishes when its contribution is needed', async () => {
    const server = await TestServer.forTest({ plan: { rounds: 1, cohortSize: 2, ...heartbeats } });
    const [first, vanishing] = (await server.joinMany(2)) as [Participant, Participant];
    first.stayAlive();
    await first.contribute([1]);
    await vanishing.start();
    const spare = await server.join();
    expect(spare.state).toBe('waiting');
    spare.stayAlive();
    await server.expectState(spare.clientId, 'selected');
    await spare.contribute([5]);
    expect(weightsOf(await server.model(1))).toEqual([3]);
    expect(server.handle.round(1)).toMatchObject({ exclusions: [{ clientId: vanishing.clientId }] });
  });

  it('leaves a client behind that only sends heartbeats', async () => {
    const plan = { rounds: 2, minClients: 2, quorum: 1, trainingWindowMs: 1_500 };
    const server = await TestServer.forTest({ plan });
    const [worker, idler] = (await server.joinMany(2)) as [Participant, Participant];
    expect(await idler.waitUntil('selected')).toMatchObject({ round: 1 });
    await worker.contribute([7]);
    for (let beat = 0; beat < 10; beat += 1) expect((await idler.beat()).state).toBe('selected');
    expect(weightsOf(await server.model(1))).toEqual([7]);
    expect(server.handle.round(1).exclusions).toMatchObject([{ clientId: idler.clientId, reason: 'straggler' }]);
    expect(await idler.waitUntil('selected')).toMatchObject({ round: 2 });
  });

  it('lets a client register again in every state: it keeps its id and token, and is out of the open round', async () => {
    const server = await TestServer.forTest({ plan: { rounds: 1, minClients: 4, quorum: 1 } });
    const again = async ({ clientId, clientToken }: Participant) => {
      const answer = await server.ask('POST', '/v1/clients', { token: clientToken, body: { clientId } });
      expect(answer).toMatchObject({ status: 201, json: { clientId, clientToken } });
    };
    const waiting = await server.join();
    await again(waiting);
    expect(waiting.state).toBe('waiting');

    const [selected, training, done] = (await server.joinMany(3)) as [Participant, Participant, Participant];
    await training.start();
    await done.contribute([2], 3);
    for (const client of [selected, training, done]) {
      await again(client);
      expect(client.state).toBe('ignored');
      await again(client);
      expect((await client.beat()).state).toBe('standby');
    }
    expectProblem(await training.upload(updateOf([9])), 'UPDATE_DISCARDED');
    expectProblem(await selected.ask('POST', '/training'), 'CLIENT_NOT_SELECTED');
    expect(await done.upload(updateOf([2], 3))).toMatchObject({ status: 200 });
    await waiting.contribute([6], 1);
    expect(weightsOf(await server.model(1))).toEqual([3]);

    const gone = await done.ask('DELETE');
    expect(gone.status).toBe(204);
    expectProblem(
      await server.ask('POST', '/v1/clients', { token: done.clientToken, body: { clientId: done.clientId } }),
      'CLIENT_UNKNOWN',
    );
  });

  it('forgets a client that left after it contributed, but not its contribution', async () => {
    const server = await TestServer.forTest({ plan: { rounds: 1, minClients: 2 } });
    const [left, other] = (await server.joinMany(2)) as [Participant, Participant];
    await left.contribute([1]);
    expect((await left.ask('DELETE')).status).toBe(204);
    expect(left.state).toBe('doneAndInactive');
    expectProblem(await left.ask('POST', '/heartbeat'), 'CLIENT_UNKNOWN');
    await other.contribute([2]);
    expect(weightsOf(await server.model(1))).toEqual([1.5]);
    expect(left.state).toBe('CLIENT_UNKNOWN');
  });
});
