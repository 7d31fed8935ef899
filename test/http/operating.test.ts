import { describe, expect, it } from 'vitest';
import { expectProblem } from './calls.ts';
import { type Participant, updateOf } from './participant.ts';
import { TestServer } from './test-server.ts';

const plan = { rounds: 3, minClients: 2, quorum: 2, heartbeatTimeoutMs: 600_000, trainingWindowMs: 600_000 };

async function inTraining(): Promise<{ server: TestServer; first: Participant; second: Participant }> {
  const server = await TestServer.forTest({ plan });
  const [first, second] = (await server.joinMany(2)) as [Participant, Participant];
  for (const one of [first, second]) await one.waitUntil('selected');
  return { server, first, second };
}

const operate = (server: TestServer, body: unknown) => server.order('POST', '/v1/operations', { body });

describe('what an operator asks for', () => {
  it('is tried out with POST /v1/operations, then done, and is in the audit log', async () => {
    const { server } = await inTraining();
    const tried = await operate(server, { operation: 'lowerQuorum', quorum: 1, dryRun: true });
    expect(tried).toMatchObject({
      status: 200,
      json: { dryRun: true, before: { phase: 'training', quorum: 2 }, after: { phase: 'training', quorum: 1 } },
    });
    expect(tried.json.sentences[0]).toBe(
      'The quorum of round 1, attempt 1, falls from 2 to 1; later attempts keep that of the plan.',
    );
    expect(server.handle.status().quorum).toBe(2);
    const { json } = await operate(server, { operation: 'lowerQuorum', quorum: 1, dryRun: false });
    expect(json).toEqual({ ...tried.json, dryRun: false });
    expect((await server.ask('GET', '/v1/rounds/1')).json.quorumLowered).toMatchObject([
      { from: 2, to: 1, by: 'admin token' },
    ]);
    const log = await server.order('GET', '/v1/audit');
    expect(log.headers.get('cache-control')).toBe('no-store');
    expect(log.json).toMatchObject({
      isIntact: true,
      entries: [
        { seq: 2, operation: 'lowerQuorum', params: { quorum: 1, round: 1, attempt: 1 }, from: 'loopback' },
        { seq: 1, operation: 'start', by: 'configuration' },
      ],
    });
  });

  it('may also be asked for by the routes of runs, and is written down all the same', async () => {
    const { server } = await inTraining();
    for (const verb of ['pause', 'stop'])
      expect((await server.order('POST', `/v1/runs/current/${verb}`)).status).toBe(200);
    expect((await server.order('POST', '/v1/runs', { body: { rounds: 1 } })).status).toBe(201);
    const { json } = await server.order('GET', '/v1/audit?limit=2');
    expect(json.entries.map(({ operation, by }: { operation: string; by: string }) => [operation, by])).toEqual([
      ['start', 'admin token'],
      ['stop', 'admin token'],
    ]);
  });

  it('lets an evicted client upload again once it is let in again', async () => {
    const { server, first, second } = await inTraining();
    await first.start();
    await operate(server, { operation: 'evict', clientId: first.clientId, dryRun: false });
    expectProblem(await first.upload(updateOf([1, 2])), 'UPDATE_DISCARDED');
    await operate(server, { operation: 'readmit', clientId: first.clientId, dryRun: false });
    await first.waitUntil('selected');
    await first.contribute([1, 2]);
    await second.contribute([3, 4]);
    await server.event('round.committed');
    const { contributions } = (await server.ask('GET', '/v1/rounds/1')).json;
    expect(contributions).toHaveLength(2);
  });

  it('is refused in words when it does not apply, or is not what the schema says', async () => {
    const { server, first } = await inTraining();
    const refused: [unknown, string][] = [
      [{ operation: 'resume', dryRun: false }, 'RUN_STATE'],
      [{ operation: 'lowerQuorum', quorum: 2, dryRun: true }, 'OPERATION_INAPPLICABLE'],
      [{ operation: 'extendDeadline', byMs: 86_400_001, dryRun: false }, 'OPERATION_INAPPLICABLE'],
      [{ operation: 'readmit', clientId: first.clientId, dryRun: false }, 'OPERATION_INAPPLICABLE'],
      [{ operation: 'evict', clientId: 'x'.repeat(36), dryRun: false }, 'CLIENT_UNKNOWN'],
      [{ operation: 'evict', clientId: 'x'.repeat(65), dryRun: false }, 'REQUEST_INVALID'],
      [{ operation: 'lowerQuorum', quorum: 0, dryRun: false }, 'REQUEST_INVALID'],
      [{ operation: 'lowerQuorum', dryRun: false }, 'REQUEST_INVALID'],
      [{ operation: 'extendDeadline', byMs: 0, dryRun: false }, 'REQUEST_INVALID'],
      [{ operation: 'extendDeadline', byMs: 1e21, dryRun: false }, 'OPERATION_INAPPLICABLE'],
      [{ operation: 'pause', quorum: 1, dryRun: false }, 'REQUEST_INVALID'],
      [{ operation: 'pause' }, 'REQUEST_INVALID'],
      [{ operation: 'pause', dryRun: 'false' }, 'REQUEST_INVALID'],
      [{ operation: 'erase', dryRun: false }, 'REQUEST_INVALID'],
      [{ operation: 'pause', dryRun: false, more: 1 }, 'REQUEST_INVALID'],
      [null, 'REQUEST_INVALID'],
      [{ operation: 'pause', dryRun: true, clientId: 'x'.repeat(70_000) }, 'PAYLOAD_TOO_LARGE'],
    ];
    const before = (await server.handle.history()).lastSeq;
    for (const [body, code] of refused)
      expect((await operate(server, body)).json.code, JSON.stringify(body)).toBe(code);
    expect((await server.handle.history()).lastSeq).toBe(before);
    expect((await server.order('GET', '/v1/audit')).json.entries).toHaveLength(1);
  });
});

describe('who may operate', () => {
  const operatorsRoutes = (clientId: string) =>
    [
      ['POST', '/v1/operations', { operation: 'stop', dryRun: false }],
      ['POST', '/v1/operations', { operation: 'stop', dryRun: true }],
      ['POST', '/v1/operations', { operation: 'evict', clientId, dryRun: false }],
      ['GET', '/v1/audit', undefined],
    ] as const;

  it('is who has the admin token: not nobody, not a guess, not a client', async () => {
    const { server, first } = await inTraining();
    await first.start();
    const { uptimeMs: _, ...before } = server.handle.status();
    for (const [method, path, body] of operatorsRoutes(first.clientId)) {
      for (const token of [undefined, 'wrong', first.clientToken, first.trainingToken, `${server.adminToken}x`]) {
        const answer = await server.ask(method, path, { token, ...(body ? { body } : {}) });
        expectProblem(answer, 'ADMIN_TOKEN_INVALID');
      }
    }
    const { uptimeMs: __, ...after } = server.handle.status();
    expect(after).toEqual(before);
    expect(server.handle.audit().entries.map(({ by }) => by)).toEqual(['configuration']);
  });

  it('is no page of another origin, not even with the token', async () => {
    const { server, first } = await inTraining();
    const headers = { origin: 'https://elsewhere.example' };
    for (const [method, path, body] of operatorsRoutes(first.clientId)) {
      const answer = await server.order(method, path, { headers, ...(body ? { body } : {}) });
      expectProblem(answer, 'ORIGIN_NOT_ALLOWED');
    }
    for (const path of ['/v1/history', '/v1/history/1']) {
      expectProblem(await server.ask('GET', path, { headers }), 'ORIGIN_NOT_ALLOWED');
    }
    expect(server.handle.status().runState).toBe('running');
  });
});

describe('what anybody may read of the past', () => {
  it('is what happened, in words, and how things stood after it', async () => {
    const { server, first, second } = await inTraining();
    await first.contribute([1, 2]);
    await second.contribute([3, 4]);
    await server.event('round.committed');
    const { json } = await server.ask('GET', '/v1/history?limit=1000');
    const committed = json.entries.find(({ type }: { type: string }) => type === 'round.committed');
    expect(committed.sentence).toMatch(/^Round 1 committed: model version 1 of 2 contributions, SHA-256/);
    const page = await server.ask('GET', `/v1/history?limit=2&before=${committed.seq}`);
    expect(page.json.entries.map(({ seq }: { seq: number }) => seq)).toEqual([committed.seq - 2, committed.seq - 1]);
    const moment = await server.ask('GET', `/v1/history/${committed.seq}`);
    expect(moment.json).toMatchObject({
      status: { modelVersion: 1, runState: 'running' },
      rounds: [{ round: 1, phase: 'committed', modelVersion: 1 }],
    });
    const before = await server.ask('GET', `/v1/history/${committed.seq - 1}`);
    expect(before.json).toMatchObject({ status: { modelVersion: null }, rounds: [{ round: 1, phase: 'committing' }] });
  });

  it.each([
    ['/v1/history?limit=0', 'REQUEST_INVALID'],
    ['/v1/history?limit=1001', 'REQUEST_INVALID'],
    ['/v1/history?before=0', 'REQUEST_INVALID'],
    ['/v1/history?before=x', 'REQUEST_INVALID'],
    ['/v1/history/0', 'REQUEST_INVALID'],
    ['/v1/history/-1', 'REQUEST_INVALID'],
    ['/v1/history/1.5', 'REQUEST_INVALID'],
    ['/v1/history/1e400', 'REQUEST_INVALID'],
    ['/v1/history/999999999', 'MOMENT_UNKNOWN'],
    ['/v1/history/9007199254740993', 'REQUEST_INVALID'],
    ['/v1/audit?limit=1001', 'REQUEST_INVALID'],
  ])('is bounded: %s is %s', async (path, code) => {
    const server = await TestServer.forTest({ plan });
    expect((await server.order('GET', path)).json.code).toBe(code);
  });

  it('holds no secret, and neither the names nor the attributes that clients gave', async () => {
    const { server, first } = await inTraining();
    await server.join({ name: 'Ward Seven', attributes: { site: 'st-elsewhere' } });
    await first.start();
    const entries: { seq: number }[] = (await server.ask('GET', '/v1/history?limit=1000')).json.entries;
    const texts = [JSON.stringify(entries)];
    for (const { seq } of entries) texts.push((await server.ask('GET', `/v1/history/${seq}`)).text);
    texts.push((await server.order('GET', '/v1/audit')).text);
    const secrets = [server.adminToken, first.clientToken, first.trainingToken, 'Ward Seven', 'st-elsewhere'];
    for (const text of texts) for (const secret of secrets) expect(text).not.toContain(secret);
  });
});
