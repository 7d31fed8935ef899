import { describe, expect, it } from 'vitest';
import { decodeSafetensors, encodeSafetensors } from '../../src/wire/safetensors.ts';
import { type Answer, expectProblem, piecesOf } from './calls.ts';
import { type Participant, updateOf, vector } from './participant.ts';
import { RawConnection } from './raw-connection.ts';
import { TestServer } from './test-server.ts';

const weightsOf = ({ bytes }: Answer): number[] => [...(decodeSafetensors(bytes).tensors.w?.data ?? [])];
const modelOf = (weights: readonly number[]) => encodeSafetensors(vector(weights), {});
const runOf = (server: TestServer) => server.handle.run()?.run ?? '';

describe('what only the operator may do', () => {
  it('needs the admin token, and the body of a stranger is not waited for', async () => {
    const server = await TestServer.forTest({ plan: { minClients: 5 }, adminToken: 'a-token-long-enough-to-be-one' });
    const client = await server.join();
    const routes = [
      ['POST', '/v1/runs'],
      ['POST', '/v1/runs/current/pause'],
      ['POST', '/v1/runs/current/resume'],
      ['POST', '/v1/runs/current/stop'],
      ['PUT', `/v1/runs/${runOf(server)}/model`],
      ['GET', '/v1/clients'],
      ['GET', `/v1/clients/${client.clientId}`],
      ['GET', `/v1/rounds/1/selection/${client.clientId}`],
    ] as const;
    const { uptimeMs: _, ...before } = server.handle.status();
    for (const [method, path] of routes) {
      for (const token of [
        undefined,
        'wrong',
        client.clientToken,
        `${server.adminToken}x`,
        server.adminToken.slice(0, -1),
      ]) {
        const answer = await server.ask(method, path, { token });
        expectProblem(answer, 'ADMIN_TOKEN_INVALID');
        expect(answer.headers.get('www-authenticate')).toBe('Bearer');
      }
      if (method === 'GET') continue;
      const asking = RawConnection.open(server.coordinatorUrl).head([
        `${method} ${path} HTTP/1.1`,
        'Authorization: Bearer wrong',
        'Content-Type: application/json',
        'Content-Length: 1000',
      ]);
      expectProblem(await asking.answer(), 'ADMIN_TOKEN_INVALID');
    }
    for (const authorization of [
      'Basic dXNlcjpwYXNz',
      server.adminToken,
      `Bearer${server.adminToken}`,
      `Token ${server.adminToken}`,
    ]) {
      expectProblem(await server.ask('GET', '/v1/clients', { headers: { authorization } }), 'ADMIN_TOKEN_INVALID');
    }
    const { uptimeMs: __, ...after } = server.handle.status();
    expect(after).toEqual(before);
    const listed = await server.ask('GET', '/v1/clients', {
      headers: { authorization: `bearer  ${server.adminToken}` },
    });
    expect(listed).toMatchObject({ status: 200, json: { clients: [{ clientId: client.clientId }], cursor: null } });
  });

  it('is to pause, resume and stop a run, as far as it applies', async () => {
    const server = await TestServer.forTest({ plan: { rounds: 2, minClients: 1 } });
    const order = (verb: string) => server.order('POST', `/v1/runs/current/${verb}`);
    const client = await server.join();
    await client.start();
    expect(await order('pause')).toMatchObject({ status: 200, json: { runState: 'pausing', phase: 'training' } });
    await client.upload(updateOf([1]));
    await server.model(1);
    expect((await server.ask('GET', '/v1/status')).json).toMatchObject({ runState: 'paused' });
    expect((await server.ask('GET', '/v1/runs/current')).json).toMatchObject({
      state: 'paused',
      roundsCommitted: 1,
      reason: 'an operator asked for it',
    });
    expectProblem(await order('pause'), 'RUN_STATE');
    expect(await order('resume')).toMatchObject({ status: 200 });
    await client.waitUntil('selected');
    expect(await order('stop')).toMatchObject({ status: 200, json: { runState: 'stopped' } });
    for (const verb of ['pause', 'resume', 'stop']) expectProblem(await order(verb), 'RUN_STATE');
    await client.waitUntil('finished');
  });

  it('is to start a run whose plan makes sense, one at a time', async () => {
    const server = await TestServer.forTest({ autoStart: false, plan: { minClients: 2 } });
    expectProblem(await server.ask('GET', '/v1/runs/current'), 'RUN_UNKNOWN');
    const start = (body: unknown) => server.order('POST', '/v1/runs', { body });
    for (const [plan, named] of [
      [{ participantsRatio: 0 }, 'participantsRatio'],
      [{ rounds: 0 }, 'rounds'],
      [{ rounds: '3' }, 'rounds'],
      [{ rouns: 3 }, 'rounds'],
      [{ quorum: 3 }, 'quorum'],
      [{ heartbeatTimeoutMs: 100 }, 'heartbeatTimeoutMs'],
      [{ updateKind: 'deltas' }, 'initialModel'],
      [{ initialModel: 'latest' }, 'no model was committed'],
      [{ hyperparameters: { layers: [1] } }, 'hyperparameters'],
    ] as const) {
      const answer = await start(plan);
      expectProblem(answer, 'PLAN_INVALID');
      expect(answer.json.detail).toContain(named);
    }
    expectProblem(await start('[]'), 'UNSUPPORTED_MEDIA_TYPE');
    expectProblem(await start([1]), 'REQUEST_INVALID');
    const started = await start({ rounds: 7, hyperparameters: { learningRate: 0.1, optimiser: 'sgd', shuffle: true } });
    expect(started).toMatchObject({
      status: 201,
      json: { state: 'running', plan: { rounds: 7, minClients: 2 }, endedAtMs: null },
    });
    expectProblem(await start({}), 'RUN_ACTIVE');
    const [client] = (await server.joinMany(2)) as [Participant];
    await client.waitUntil('selected');
    expect((await client.start()).hyperparameters).toEqual({ learningRate: 0.1, optimiser: 'sgd', shuffle: true });
  });
});

describe('an initial model', () => {
  it('is what clients download, and what their updates must match', async () => {
    const server = await TestServer.forTest({
      plan: { rounds: 1, minClients: 1, initialModel: 'upload', updateKind: 'deltas' },
    });
    const client = await server.join();
    expect((await server.ask('GET', '/v1/status')).json).toMatchObject({
      runState: 'awaitingModel',
      modelVersion: null,
    });
    expectProblem(await client.ask('POST', '/training'), 'CLIENT_NOT_SELECTED');
    const path = `/v1/runs/${runOf(server)}/model`;
    for (const [body, code] of [
      [new Uint8Array(0), 'MALFORMED_SAFETENSORS'],
      [modelOf([1, 2]).subarray(1), 'MALFORMED_SAFETENSORS'],
      [modelOf([1, Number.NaN]), 'NOT_FINITE'],
    ] as const) {
      expectProblem(await server.order('PUT', path, { body }), code);
    }
    expectProblem(
      await server.order('PUT', `/v1/runs/${crypto.randomUUID()}/model`, { body: modelOf([1]) }),
      'RUN_UNKNOWN',
    );
    expectProblem(await server.order('PUT', '/v1/runs/current/model', { body: modelOf([1]) }), 'RUN_UNKNOWN');
    expect(server.handle.models()).toEqual([]);

    const installed = await server.order('PUT', path, { body: piecesOf(modelOf([1, 2]), 10) });
    expect(installed).toMatchObject({ status: 200, json: { version: 1, round: 0, contributions: 0 } });
    await client.waitUntil('selected');
    expect(await client.start()).toMatchObject({ modelVersion: 1 });
    expect((await client.download()).bytes).toEqual(modelOf([1, 2]));
    expectProblem(await client.upload(updateOf([1])), 'MODEL_MISMATCH');
    expect(await client.upload(updateOf([10, 20]))).toMatchObject({ status: 200 });
    expect(weightsOf(await server.model(2))).toEqual([11, 22]);
  });

  it('comes too late once a round is committed, and the model stays', async () => {
    const server = await TestServer.forTest({ plan: { rounds: 2, minClients: 1 } });
    const client = await server.join();
    await client.contribute([4]);
    const before = await server.model(1);
    const late = await server.order('PUT', `/v1/runs/${runOf(server)}/model`, { body: modelOf([9]) });
    expectProblem(late, 'MODEL_NOT_ACCEPTED');
    expect((await server.ask('GET', '/v1/models/latest')).bytes).toEqual(before.bytes);
    expect(server.handle.models()).toHaveLength(1);
  });

  it('that is too large is refused before it is sent, or where it becomes too large', async () => {
    const plan = { minClients: 1, initialModel: 'upload', payloadBytesMax: 2_000 } as const;
    const server = await TestServer.forTest({ plan });
    const path = `/v1/runs/${runOf(server)}/model`;
    const asking = RawConnection.open(server.coordinatorUrl).head([
      `PUT ${path} HTTP/1.1`,
      `Authorization: Bearer ${server.adminToken}`,
      'Content-Length: 2001',
    ]);
    expectProblem(await asking.answer(), 'PAYLOAD_TOO_LARGE');
    expectProblem(await server.order('PUT', path, { body: new Uint8Array(20_000_000) }), 'PAYLOAD_TOO_LARGE');
    expectProblem(
      await server.order('PUT', path, { body: piecesOf(new Uint8Array(10_000), 999) }),
      'PAYLOAD_TOO_LARGE',
    );
    expect(await server.order('PUT', path, { body: modelOf([1]) })).toMatchObject({ status: 200 });
  });
});
