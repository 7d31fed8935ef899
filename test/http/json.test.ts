import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, expectProblem } from './calls.ts';
import type { Participant } from './participant.ts';
import { RawConnection } from './raw-connection.ts';
import { TestServer } from './test-server.ts';

let server: TestServer;
let client: Participant;

beforeAll(async () => {
  server = await TestServer.start({
    plan: { rounds: 1, minClients: 1_000, heartbeatTimeoutMs: 600_000 },
    http: { limits: { jsonBytesMax: 10_000, headerBytesMax: 8_192, headersMsMax: 500, requestMsMax: 1_000 } },
  });
  client = await server.join();
});
afterAll(() => server.close());

describe('a JSON body', () => {
  const register = (body: string | Uint8Array, type = 'application/json') =>
    server.ask('POST', '/v1/clients', { body, headers: { 'content-type': type } });

  it.each(
    [
      '{',
      '[]',
      '"text"',
      '1',
      'true',
      '{"name":1}',
      '{"name":null}',
      `{"name":"${'a'.repeat(129)}"}`,
      '{"nickname":"a"}',
      '{"attributes":[]}',
      '{"attributes":{"a":{}}}',
      '{"attributes":{"a":null}}',
      '{"attributes":{"a":1e400}}',
      '{"attributes":{"a":-1e400}}',
      '{"attributes":{"":1}}',
      `{"attributes":{"${'a'.repeat(65)}":1}}`,
      '{"clientId":"x"}',
      '{"clientId":1}',
      '{"__proto__":{"a":1}}',
      '{"attributes":{"constructor":{"prototype":{}}}}',
      '{"name":"a"} ',
      '{"name":"a"}}',
      "{'name':'a'}",
      '{"name":NaN}',
      JSON.stringify({ attributes: Object.fromEntries(Array.from({ length: 33 }, (_, index) => [index, index])) }),
    ].filter((text) => text !== '{"name":"a"} '),
  )('that does not match is refused whole: %s', async (text) => {
    const before = server.handle.status().population;
    expectProblem(await register(text), 'REQUEST_INVALID');
    expect(server.handle.status().population).toBe(before);
  });

  it('of another content type is refused', async () => {
    for (const type of [
      'text/plain',
      'application/xml',
      'multipart/form-data; boundary=a',
      'nonsense',
      'application/octet-stream',
    ]) {
      expectProblem(await register('{"name":"a"}', type), 'UNSUPPORTED_MEDIA_TYPE');
    }
  });

  it('that is too large is refused, declared or not, and the answer is heard', async () => {
    const large = new Uint8Array(20_000_000).fill(0x20);
    for (let attempt = 1; attempt <= 3; attempt += 1) expectProblem(await register(large), 'PAYLOAD_TOO_LARGE');
    const chunked = RawConnection.open(server.coordinatorUrl)
      .head(['POST /v1/clients HTTP/1.1', 'Content-Type: application/json', 'Transfer-Encoding: chunked'])
      .write(`4e20\r\n${' '.repeat(20_000)}\r\n`);
    expectProblem(await chunked.answer(), 'PAYLOAD_TOO_LARGE');
  });

  it('that is cut off or stalls registers nobody', async () => {
    const before = server.handle.status().population;
    const head = ['POST /v1/clients HTTP/1.1', 'Content-Type: application/json', 'Content-Length: 50'];
    RawConnection.open(server.coordinatorUrl).head(head).write('{"na').socket.destroy();
    expectProblem(await RawConnection.open(server.coordinatorUrl).head(head).write('{"na').answer(), 'REQUEST_TIMEOUT');
    expect(server.handle.status().population).toBe(before);
  });

  it('may be left out where nothing in it is needed, whatever the headers say', async () => {
    expect((await server.ask('POST', '/v1/clients')).status).toBe(201);
    expect((await register('')).status).toBe(201);
    expect((await register('null')).status).toBe(201);
    expect((await register('{}', 'application/json; charset=utf-8')).status).toBe(201);
  });

  it('of a client that tells of itself is shown to the operator', async () => {
    const attributes = { site: 'Bergen', samples: 600, gpu: true };
    const told = await server.join({ name: 'Ærlig <b>', attributes });
    const { json } = await server.order('GET', `/v1/clients/${told.clientId}`);
    expect(json).toMatchObject({ name: 'Ærlig <b>', attributes, state: 'waiting' });
  });

  it.each([
    ['{"state":"dancing","round":0}'],
    ['{"state":"standby"}'],
    ['{"state":"standby","round":-1}'],
    ['{"state":"standby","round":0.5}'],
    ['{"state":"standby","round":"0"}'],
    ['[]'],
    ['{"state":"standby","round":0,"more":1}'],
  ])('of a heartbeat that does not match is refused: %s', async (body) => {
    const headers = { 'content-type': 'application/json' };
    expectProblem(await client.ask('POST', '/heartbeat', { body, headers }), 'REQUEST_INVALID');
  });
});

describe('a query', () => {
  it.each([
    'limit=0',
    'limit=1001',
    'limit=x',
    'limit=1.5',
    'state=nonsense',
    'state=unknown',
    'cursor=-1',
    'cursor=x',
    `cursor=${'1'.repeat(65)}`,
  ])('that does not match is refused: %s', async (query) => {
    expectProblem(await server.order('GET', `/v1/clients?${query}`), 'REQUEST_INVALID');
  });

  it('pages through all clients once', async () => {
    const all = new Set<string>();
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: Answer = await server.order(
        'GET',
        `/v1/clients?limit=2&state=waiting${cursor && `&cursor=${cursor}`}`,
      );
      expect(page.status).toBe(200);
      for (const { clientId } of page.json.clients) all.add(clientId);
      cursor = page.json.cursor;
    }
    expect(all.size).toBe(server.handle.status().population);
  });

  it('for a round or a model that is none is refused', async () => {
    for (const round of ['0', '-1', 'x', '1.5', '999999999999999999999'])
      expect((await server.ask('GET', `/v1/rounds/${round}`)).status).toBe(
        round === '999999999999999999999' ? 404 : 400,
      );
    expectProblem(await server.ask('GET', '/v1/rounds/7'), 'ROUND_UNKNOWN');
    expectProblem(await server.ask('GET', '/v1/models/latest'), 'MODEL_UNKNOWN');
    expectProblem(await server.ask('GET', '/v1/models/7'), 'MODEL_UNKNOWN');
    for (const version of ['0', '-1', 'x', '1e9', '01'])
      expectProblem(await server.ask('GET', `/v1/models/${version}`), 'REQUEST_INVALID');
  });
});

describe('whatever comes', () => {
  const routes = [
    ['POST', '/v1/clients'],
    ['POST', '/v1/clients/ID/heartbeat'],
    ['POST', '/v1/clients/ID/training'],
    ['POST', '/v1/runs'],
    ['POST', '/v1/runs/current/pause'],
    ['PUT', '/v1/runs/x/model'],
  ] as const;

  it('is answered with a status below 500', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...routes),
        fc.oneof(fc.json(), fc.string(), fc.string({ unit: 'binary' })),
        fc.constantFrom('application/json', 'application/octet-stream', 'text/plain', 'a/b'),
        fc.stringMatching(/^[!-~]{0,40}$/),
        async ([method, path], body, type, token) => {
          const { status } = await server.ask(method, path.replace('ID', client.clientId), {
            body,
            token,
            headers: { 'content-type': type },
          });
          expect(status).toBeLessThan(500);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('over a bare connection is answered or closed, and harms nobody', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('GET /v1/status', 'PUT /v1/rounds/1/updates/x', 'POST /v1/clients', ''),
        fc.array(fc.tuple(fc.stringMatching(/^[A-Za-z-]{1,12}$/), fc.string({ unit: 'binary', maxLength: 40 })), {
          maxLength: 5,
        }),
        fc.uint8Array({ maxLength: 200 }),
        async (request, headers, rest) => {
          const connection = RawConnection.open(rest.length % 2 ? server.coordinatorUrl : server.aggregatorUrl);
          connection.head([`${request} HTTP/1.1`, ...headers.map((header) => header.join(': '))]).write(rest);
          connection.socket.end();
          const text = await connection.closed();
          expect(text === '' || /^HTTP\/1\.1 [1-4]\d\d /.test(text)).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
    expect(client.state).toBe('waiting');
    expect((await server.ask('GET', '/readyz')).status).toBe(200);
    expect((await server.askAggregator('GET', '/readyz')).status).toBe(200);
  });
});
