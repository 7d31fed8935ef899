import { describe, expect, it } from 'vitest';
import { expectProblem } from './calls.ts';
import { RawConnection } from './raw-connection.ts';
import { TestServer } from './test-server.ts';

const services = (server: TestServer) => [server.coordinatorUrl, server.aggregatorUrl];

/** A request under a host name that may not be the server's. */
const underName = (url: string, host: string, ...headers: string[]) =>
  RawConnection.open(url)
    .write(['GET /healthz HTTP/1.1', `Host: ${host}`, ...headers, '', ''].join('\r\n'))
    .answer();

describe('a server on the loopback address', () => {
  it('answers under its address, localhost and the names it was told, and under no other', async () => {
    const server = await TestServer.forTest({ http: { allowedHosts: ['Chorus.example'] } });
    for (const url of services(server)) {
      const { port } = new URL(url);
      for (const host of [
        'localhost',
        `127.0.0.1:${port}`,
        'LOCALHOST:80',
        '[::1]:8081',
        'chorus.example',
        'CHORUS.EXAMPLE:443',
      ]) {
        expect((await underName(url, host)).status).toBe(200);
      }
      for (const host of [
        'evil.example',
        `evil.example:${port}`,
        'localhost.evil.example',
        'chorus.example.evil',
        '127.0.0.1.nip.io',
        'a b',
        '@localhost',
      ]) {
        expectProblem(await underName(url, host), 'HOST_NOT_ALLOWED');
      }
    }
  });
});

describe('a request for two hosts', () => {
  it.each([
    ['two headers', (url: string) => underName(url, 'localhost', 'Host: evil.example')],
    ['two headers that say the same', (url: string) => underName(url, 'localhost', 'host: localhost')],
    [
      'a header and a target',
      (url: string) => RawConnection.open(url).head(['GET http://evil.example/healthz HTTP/1.1']).answer(),
    ],
  ])('is refused, whichever is ours: %s', async (_, ask) => {
    const server = await TestServer.forTest();
    for (const url of services(server)) expectProblem(await ask(url), 'REQUEST_INVALID');
  });

  it('is one for a single host when header and target agree', async () => {
    const server = await TestServer.forTest();
    for (const url of services(server)) {
      const asking = RawConnection.open(url).head(['GET http://LocalHost/healthz HTTP/1.1']);
      expect((await asking.answer()).status).toBe(200);
    }
  });
});

describe('a page of another site', () => {
  it('is refused, unless its origin is the server’s own', async () => {
    const server = await TestServer.forTest();
    for (const url of services(server)) {
      const own = new URL(url).host;
      expect((await underName(url, own, `Origin: http://${own}`)).status).toBe(200);
      for (const origin of [
        'https://evil.example',
        'null',
        `https://${own}`,
        'http://127.0.0.1',
        `http://${own}.evil.example`,
      ]) {
        const answer = await underName(url, own, `Origin: ${origin}`);
        expectProblem(answer, 'ORIGIN_NOT_ALLOWED');
        expect(answer.headers.get('access-control-allow-origin')).toBeNull();
      }
    }
  });

  it('that is allowed may call the API and read its answers and refusals; others may not', async () => {
    const origin = 'https://app.example';
    const server = await TestServer.forTest({ http: { corsOrigins: [origin] }, plan: { minClients: 5 } });
    const client = await server.join();
    for (const [url, path, method] of [
      [server.coordinatorUrl, `/v1/clients/${client.clientId}/heartbeat`, 'POST'],
      [server.aggregatorUrl, `/v1/rounds/1/updates/${client.clientId}`, 'PUT'],
    ] as const) {
      const preflight = await fetch(url + path, {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': method,
          'access-control-request-headers': 'authorization,content-type,prefer',
        },
      });
      expect(preflight.status).toBe(204);
      const allowed = (header: string) => preflight.headers.get(`access-control-allow-${header}`) ?? '';
      expect(allowed('origin')).toBe(origin);
      expect(allowed('methods').split(', ')).toContain(method);
      expect(allowed('headers')).toContain('authorization');
      expect(preflight.headers.get('access-control-allow-credentials')).toBeNull();

      const refusal = await fetch(url + path, { method, headers: { origin, authorization: 'Bearer wrong' } });
      expect(refusal.status).toBe(401);
      expect(refusal.headers.get('access-control-allow-origin')).toBe(origin);
      expect((await refusal.json()).code).toMatch(/_TOKEN_INVALID$/);

      const foreign = await fetch(url + path, {
        method: 'OPTIONS',
        headers: { origin: 'https://evil.example', 'access-control-request-method': method },
      });
      expect(foreign.status).toBe(403);
      expect(foreign.headers.get('access-control-allow-origin')).toBeNull();
    }
    const heartbeat = await client.ask('POST', '/heartbeat', { headers: { origin } });
    expect(heartbeat).toMatchObject({ status: 200, json: { state: 'standby' } });
    expect(heartbeat.headers.get('access-control-allow-origin')).toBe(origin);
    expect(heartbeat.headers.get('vary')).toMatch(/origin/i);
    const events = await fetch(`${server.coordinatorUrl}/v1/events`, { headers: { origin } });
    expect(events.headers.get('access-control-allow-origin')).toBe(origin);
    await events.body?.cancel();
    const exposed = heartbeat.headers.get('access-control-expose-headers')?.toLowerCase().split(', ');
    expect(exposed).toEqual(
      expect.arrayContaining(['etag', 'retry-after', 'preference-applied', 'content-range', 'x-chorus-model-version']),
    );
  });

  it('is welcome from anywhere when the server says so', async () => {
    const server = await TestServer.forTest({ http: { corsOrigins: ['*'] } });
    const answer = await server.ask('GET', '/v1/status', { headers: { origin: 'https://anywhere.example' } });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
  });
});
