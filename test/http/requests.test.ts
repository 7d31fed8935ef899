import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectProblem } from './calls.ts';
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

const services = [
  ['coordinator', () => server.coordinatorUrl],
  ['aggregator', () => server.aggregatorUrl],
] as const;

describe.each(services)('the %s', (_, url) => {
  const open = () => RawConnection.open(url());

  it('refuses headers that are too large with 431', async () => {
    const connection = open().head(['GET /healthz HTTP/1.1', `X-Filler: ${'a'.repeat(9_000)}`]);
    expectProblem(await connection.answer(), 'HEADERS_TOO_LARGE');
    await connection.closed();
  });

  it('refuses many small headers that are too large together', async () => {
    const headers = Array.from({ length: 900 }, (__, index) => `X-${index}: abcdef`);
    expectProblem(
      await open()
        .head(['GET /healthz HTTP/1.1', ...headers])
        .answer(),
      'HEADERS_TOO_LARGE',
    );
  });

  it('gives up on headers that come too slowly with 408', async () => {
    const connection = open().write('GET /healthz HTTP/1.1\r\nHost: local');
    expectProblem(await connection.answer(), 'REQUEST_TIMEOUT');
    await connection.closed();
  });

  it.each([
    ['no HTTP', 'NONSENSE\r\n\r\n'],
    ['an unknown version', 'GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n'],
    ['a header without a name', 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n: value\r\n\r\n'],
    ['a space before a colon', 'GET /healthz HTTP/1.1\r\nHost : localhost\r\n\r\n'],
    ['a folded header', 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\r\n\tb\0\r\n\r\n'],
    [
      'a length and chunks',
      'POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['an unknown transfer coding', 'POST /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\nabc'],
    ['no host', 'GET /healthz HTTP/1.1\r\n\r\n'],
  ])('answers 400 in its own words to %s', async (__, text) => {
    expectProblem(await open().write(text).answer(), 'REQUEST_INVALID');
  });

  it('is no proxy, and repeats nothing of a request', async () => {
    const secret = 'Cookie: session=1234';
    const trace = open().head(['TRACE /healthz HTTP/1.1', secret, 'Connection: close']);
    expect(await trace.closed()).toMatch(/^HTTP\/1\.1 40[45] /);
    expect(trace.received).not.toContain('1234');
    for (const line of ['CONNECT evil.example:443 HTTP/1.1', 'PRI * HTTP/2.0']) {
      expect(await open().head([line]).closed()).not.toMatch(/^HTTP\/1\.1 [123]/);
    }
  });

  it('ignores expectations it does not know, and upgrades it does not offer', async () => {
    expect(await open().head(['GET /healthz HTTP/1.1', 'Expect: the-impossible']).answer()).toMatchObject({
      status: 200,
    });
    const upgrade = open().head(['GET /healthz HTTP/1.1', 'Connection: Upgrade', 'Upgrade: websocket']);
    expect(await upgrade.answer()).toMatchObject({ status: 200 });
  });

  it('answers requests that come at once on one connection in their order', async () => {
    const connection = open();
    for (const path of ['/healthz', '/nowhere', '/healthz']) connection.head([`GET ${path} HTTP/1.1`]);
    for (const status of [200, 404, 200]) expect((await connection.answer()).status).toBe(status);
  });

  it('knows no other paths, and says so', async () => {
    const ask = (path: string, method = 'GET') =>
      RawConnection.open(url())
        .head([`${method} ${path} HTTP/1.1`])
        .answer();
    for (const path of [
      '/v1',
      '/v1/',
      '/v2/status',
      '/../etc/passwd',
      '/%zz',
      '/v1//clients',
      '/.env',
      `/${'a'.repeat(5_000)}`,
    ]) {
      expectProblem(await ask(path), 'NOT_FOUND');
    }
    expectProblem(await ask('http://localhost/nowhere'), 'NOT_FOUND');
  });

  it('answers HEAD like GET, without a body', async () => {
    for (const path of ['/healthz', '/readyz', '/openapi.json']) {
      const [head, get] = await Promise.all(['HEAD', 'GET'].map((method) => fetch(url() + path, { method })));
      expect(head?.status).toBe(200);
      expect(head?.headers.get('content-length')).toBe(get?.headers.get('content-length'));
      expect(await head?.text()).toBe('');
      await get?.text();
    }
  });
});

describe('a method that does not go with a path', () => {
  it.each([
    ['GET', '/v1/clients/x/heartbeat', 'POST'],
    ['DELETE', '/v1/clients', 'GET, HEAD, POST'],
    ['PUT', '/v1/status', 'GET, HEAD'],
    ['POST', '/v1/models/latest', 'GET, HEAD'],
    ['GET', '/v1/runs', 'POST'],
    ['POST', '/v1/runs/some-run/model', 'PUT'],
    ['HEAD', '/v1/events', 'GET'],
    ['OPTIONS', '/v1/status', 'GET, HEAD'],
    ['PROPFIND', '/healthz', 'GET, HEAD'],
  ])('is told which do: %s %s', async (method, path, allowed) => {
    const answer = await RawConnection.open(server.coordinatorUrl)
      .head([`${method} ${path} HTTP/1.1`])
      .until((text) => text.includes('\r\n\r\n'));
    expect(answer).toMatch(/^HTTP\/1\.1 405 /);
    expect(/^allow: (.*)\r$/im.exec(answer)?.[1]?.split(', ').sort().join(', ')).toBe(allowed);
  });

  it('is told at the aggregator as well', async () => {
    const answer = await server.askAggregator('POST', '/v1/rounds/1/updates/x');
    expectProblem(answer, 'METHOD_NOT_ALLOWED');
    expect(answer.headers.get('allow')).toBe('PUT');
  });
});

describe('the coordinator', () => {
  it('takes no updates and describes no route for them: weights go past it (F11)', async () => {
    for (const method of ['PUT', 'POST']) {
      const path = `/v1/rounds/1/updates/${client.clientId}`;
      expectProblem(
        await server.ask(method, path, { token: client.clientToken, body: new Uint8Array(8) }),
        'NOT_FOUND',
      );
    }
    const { json } = await server.ask('GET', '/openapi.json');
    expect(Object.keys(json.paths).filter((path) => path.includes('update'))).toEqual([]);
  });
});
