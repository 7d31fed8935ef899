import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectProblem } from '../calls.ts';
import { RawConnection } from '../raw-connection.ts';
import { TestServer } from '../test-server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start({ inspectPage: true, plan: { minClients: 10, heartbeatTimeoutMs: 600_000 } });
});
afterAll(() => server.close());

/** Something of each part of the server that answers by itself. */
const shown = [
  ['coordinator', '/'],
  ['coordinator', '/dashboard/rounds'],
  ['coordinator', '/dashboard/stream'],
  ['coordinator', '/dashboard/machines'],
  ['coordinator', '/inspect/charts'],
  ['coordinator', '/inspect/events'],
  ['coordinator', '/v1/status'],
  ['coordinator', '/v1/events'],
  ['coordinator', '/v1/history'],
  ['coordinator', '/v1/models/latest'],
  ['coordinator', '/metrics'],
  ['coordinator', '/openapi.json'],
  ['coordinator', '/nowhere'],
  ['aggregator', '/v1/rounds/1/model'],
  ['aggregator', '/metrics'],
  ['aggregator', '/openapi.json'],
  ['aggregator', '/nowhere'],
] as const;

const urlOf = (service: 'coordinator' | 'aggregator') =>
  service === 'coordinator' ? server.coordinatorUrl : server.aggregatorUrl;

describe('a page of another site', () => {
  it.each(shown)('reads nothing by a name that it pointed here: %s %s', async (service, path) => {
    const head = [`GET ${path} HTTP/1.1`, 'Host: rebound.example', 'Origin: http://rebound.example'];
    const asking = RawConnection.open(urlOf(service)).write(`${head.join('\r\n')}\r\n\r\n`);
    expectProblem(await asking.answer(), 'HOST_NOT_ALLOWED');
  });

  it.each(shown)('reads nothing from where it is: %s %s', async (service, path) => {
    const asking = RawConnection.open(urlOf(service)).head([`GET ${path} HTTP/1.1`, 'Origin: https://evil.example']);
    const answer = await asking.answer();
    expectProblem(answer, 'ORIGIN_NOT_ALLOWED');
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('changes nothing with a form, whoever it says it is, and whatever the browser keeps', async () => {
    const client = await server.join();
    const before = server.handle.status();
    for (const type of ['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/plain']) {
      for (const path of [
        '/v1/clients',
        '/v1/runs',
        '/v1/runs/current/stop',
        '/v1/operations',
        `/v1/clients/${client.clientId}/heartbeat`,
        `/v1/clients/${client.clientId}/training`,
      ]) {
        for (const origin of ['https://evil.example', 'null', 'file://']) {
          const headers = { origin, 'content-type': type, cookie: `token=${server.adminToken}` };
          expectProblem(await server.ask('POST', path, { headers, body: '{"name":"a"}' }), 'ORIGIN_NOT_ALLOWED');
        }
      }
      // From before browsers told where a form is: its type alone gives it away.
      const unsaid = await server.ask('POST', '/v1/clients', { headers: { 'content-type': type }, body: '{}' });
      expectProblem(unsaid, 'UNSUPPORTED_MEDIA_TYPE');
    }
    const { population, runState } = server.handle.status();
    expect({ population, runState }).toEqual({ population: before.population, runState: before.runState });
  });
});

describe('a path', () => {
  it.each(
    [
      '/',
      '/dashboard/',
      '/dashboard/assets/',
      '/inspect/',
      '/docs/',
      '/v1/models/',
      '/v1/rounds/',
      '/v1/history/',
    ].flatMap((folder) => [
      `${folder}../package.json`,
      `${folder}../../../../../../../../etc/passwd`,
      `${folder}..%2f..%2f..%2fpackage.json`,
      `${folder}%2e%2e/%2e%2e/package.json`,
      `${folder}..%5c..%5cpackage.json`,
      `${folder}..\\..\\package.json`,
      `${folder}%2fetc%2fpasswd`,
      `${folder}index.html%00.js`,
      `${folder}%252e%252e%252fpackage.json`,
    ]),
  )('leads to no file but those of the page: %s', async (path) => {
    // Over a bare connection: fetch would put the path straight before it is sent.
    const { status, json } = await RawConnection.open(server.coordinatorUrl)
      .head([`GET ${path} HTTP/1.1`])
      .answer();
    expect([400, 404]).toContain(status);
    expect(json.code).toMatch(/^(NOT_FOUND|REQUEST_INVALID|MODEL_UNKNOWN|ROUND_UNKNOWN)$/);
  });
});
