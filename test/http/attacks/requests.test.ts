import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeSafetensors } from '../../../src/wire/safetensors.ts';
import { expectProblem } from '../calls.ts';
import { EventReader } from '../event-reader.ts';
import { type Participant, vector } from '../participant.ts';
import { RawConnection } from '../raw-connection.ts';
import { TestServer } from '../test-server.ts';

let server: TestServer;
let client: Participant;

beforeAll(async () => {
  server = await TestServer.start({
    plan: { rounds: 2, minClients: 2, uploadAttemptsMax: 1_000, heartbeatTimeoutMs: 600_000 },
    http: { limits: { headersMsMax: 500 } },
  });
  [client] = (await server.joinMany(2)) as [Participant];
  await client.start();
});
afterAll(() => server.close());

/** The ways in: past Fastify on either port, and through it. */
const doors: [string, () => [url: string, request: string, token: string]][] = [
  ['an upload', () => [server.aggregatorUrl, `PUT ${client.uploadPath}`, client.trainingToken]],
  ['a heartbeat', () => [server.coordinatorUrl, `POST /v1/clients/${client.clientId}/heartbeat`, client.clientToken]],
  ['a registration', () => [server.coordinatorUrl, 'POST /v1/clients', 'none']],
];

const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n';

describe.each(doors)('a request hidden in %s', (_, door) => {
  it.each([
    ['a length and chunks', ['Content-Length: 5', 'Transfer-Encoding: chunked'], `0\r\n\r\n${smuggled}`],
    ['chunks and a length', ['Transfer-Encoding: chunked', `Content-Length: ${smuggled.length}`], smuggled],
    ['two lengths', ['Content-Length: 0', `Content-Length: ${smuggled.length}`], smuggled],
    ['two lengths in one', [`Content-Length: 0, ${smuggled.length}`], smuggled],
    ['a length with a sign', ['Content-Length: +0'], smuggled],
    ['a length in another base', ['Content-Length: 0x0'], smuggled],
    ['a length with a space before its colon', [`Content-Length : ${smuggled.length}`], smuggled],
    ['a coding with a space before its colon', ['Transfer-Encoding : chunked', 'Content-Length: 0'], smuggled],
    ['a coding after a tab of another kind', ['Transfer-Encoding:\x0bchunked'], `0\r\n\r\n${smuggled}`],
    ['a coding that is none', ['Transfer-Encoding: xchunked'], `0\r\n\r\n${smuggled}`],
    ['chunks that are not the last coding', ['Transfer-Encoding: chunked, identity'], `0\r\n\r\n${smuggled}`],
    ['a length behind a bare line feed', [`X-One: 1\nContent-Length: ${smuggled.length}`], smuggled],
    ['a length behind a bare carriage return', [`X-One: 1\rContent-Length: ${smuggled.length}`], smuggled],
    ['a chunk larger than can be counted', ['Transfer-Encoding: chunked'], `ffffffffffffffff1\r\n${smuggled}`],
    ['a chunk whose size is signed', ['Transfer-Encoding: chunked'], `-1\r\n${smuggled}`],
  ])('is not answered: %s', async (__, headers, rest) => {
    const [url, request, token] = door();
    const asking = RawConnection.open(url)
      .head([`${request} HTTP/1.1`, `Authorization: Bearer ${token}`, 'Content-Type: application/json', ...headers])
      .write(rest);
    const heard = await asking.closed();
    expect(heard.match(/^HTTP\/1\.1 \d+/gm)).toEqual(['HTTP/1.1 400']);
    expect(heard).not.toContain('smuggled');
  });
});

describe.each(doors)('the head of %s', (_, door) => {
  it('that trickles, and never ends, is given up', async () => {
    const [url, request, token] = door();
    const connection = RawConnection.open(url).write(
      `${request} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n`,
    );
    const drip = setInterval(() => connection.write('X-One: 1\r\n'), 100);
    try {
      expectProblem(await connection.answer(), 'REQUEST_TIMEOUT');
      await connection.closed();
    } finally {
      clearInterval(drip);
    }
  });
});

describe('deeply nested JSON', () => {
  const nested = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
  const json = { 'content-type': 'application/json' };

  it('is refused as a profile, a plan, a heartbeat and an operation', async () => {
    const profile = await server.ask('POST', '/v1/clients', { headers: json, body: `{"attributes":${nested}}` });
    expectProblem(profile, 'REQUEST_INVALID');
    for (const setting of ['hyperparameters', 'hyperparametersByRound', 'rounds', 'unheardOf']) {
      const plan = await server.order('POST', '/v1/runs', { headers: json, body: `{"${setting}":${nested}}` });
      expectProblem(plan, 'PLAN_INVALID');
    }
    const beat = await client.ask('POST', '/heartbeat', { headers: json, body: `{"state":${nested},"round":0}` });
    expectProblem(beat, 'REQUEST_INVALID');
    const operation = await server.order('POST', '/v1/operations', { headers: json, body: nested });
    expectProblem(operation, 'REQUEST_INVALID');
  });

  it('is refused as the metrics of an update, and the thread lives', async () => {
    const metrics = '{"a":'.repeat(100_000) + '}'.repeat(100_000);
    const update = encodeSafetensors(vector([1]), { num_examples: '1', metrics });
    const { status, json: problem } = await client.upload(update);
    expect([status, problem.code]).toEqual([422, 'METRICS_INVALID']);
    expect(server.handle.metrics().aggregatorRestartsTotal).toBe(0);
  });
});

describe('a compressed body', () => {
  it('is not unpacked, wherever it is sent', async () => {
    const bomb = gzipSync(Buffer.alloc(20_000_000, ' '));
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    for (const path of ['/v1/clients', '/v1/runs', '/v1/operations', `/v1/clients/${client.clientId}/heartbeat`]) {
      const token = path.endsWith('heartbeat') ? client.clientToken : server.adminToken;
      const answer = await server.ask('POST', path, { token, headers, body: new Uint8Array(bomb) });
      expect([path, answer.json.code]).toEqual([path, 'REQUEST_INVALID']);
    }
  });
});

describe('a place in a stream that was made up', () => {
  it.each(['-1', '1e99', '9007199254740993', '../1', 'a'.repeat(4_000), '0, 1'])(
    'does not keep the stream from telling what happens: %s',
    async (id) => {
      const reader = await EventReader.open(`${server.coordinatorUrl}/v1/events`, { 'last-event-id': id });
      expect(reader.response.status).toBe(200);
      const before = server.events.at(-1)?.id ?? 0;
      await client.upload(new Uint8Array(1));
      expect((await reader.next((event) => event.id > before)).event).toBe('update.refused');
    },
  );
});
