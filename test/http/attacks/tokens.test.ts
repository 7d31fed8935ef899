import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, expectProblem } from '../calls.ts';
import type { Participant } from '../participant.ts';
import { TestServer } from '../test-server.ts';

let server: TestServer;
let clients: Participant[];
let secrets: string[];

/** One committed round, and another in which all train: every kind of token is in use. */
beforeAll(async () => {
  server = await TestServer.start({
    inspectPage: true,
    plan: { rounds: 3, minClients: 2, heartbeatTimeoutMs: 600_000 },
  });
  clients = await server.joinMany(2);
  secrets = [server.adminToken, ...clients.map(({ clientToken }) => clientToken)];
  for (const client of clients) await client.contribute([1, 2]);
  secrets.push(...clients.map(({ trainingToken }) => trainingToken));
  await server.model(1);
  for (const client of clients) await client.waitUntil('selected');
  for (const client of clients) await client.start();
  secrets.push(...clients.map(({ trainingToken }) => trainingToken));
  const operation = { operation: 'extendDeadline', byMs: 1_000, dryRun: false };
  expect((await server.order('POST', '/v1/operations', { body: operation })).status).toBe(200);
});
afterAll(() => server.close());

interface Call {
  method: string;
  path: string;
  /** Kinds of token, any of which will do; `none`: it may be left out. */
  tokens: string[];
}

/** Every call that a service describes, with ids that are there. */
async function callsOf(url: string): Promise<Call[]> {
  const { json } = await call('GET', `${url}/openapi.json`);
  const { run } = server.handle.status();
  const [{ clientId } = { clientId: '' }] = clients;
  const ids: Record<string, string> = { clientId, run: run ?? '', round: '2', version: '1', seq: '3' };
  return Object.entries(json.paths as Record<string, Record<string, { security?: object[] }>>).flatMap(
    ([path, methods]) =>
      Object.entries(methods).map(([method, { security = [] }]) => ({
        method: method.toUpperCase(),
        path: path.replace(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? `no-${name}`),
        tokens: (security.length === 0 ? [{}] : security).flatMap((one) => ['none', ...Object.keys(one)].slice(-1)),
      })),
  );
}

/** What is answered, up to the first message of what does not end. */
async function textOf(url: string, token: string): Promise<{ status: number; text: string }> {
  const aborter = new AbortController();
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}` }, signal: aborter.signal });
  const isStream = /event-stream/.test(response.headers.get('content-type') ?? '');
  if (!isStream) return { status: response.status, text: await response.text() };
  let text = '';
  for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += piece;
    if (text.includes('data: ')) break;
  }
  aborter.abort();
  return { status: response.status, text };
}

describe('a call of the operator', () => {
  it('is refused without a token, with a client’s and with one for training', async () => {
    const [client] = clients;
    const ours = (await callsOf(server.coordinatorUrl)).filter(({ tokens }) => tokens.includes('admin'));
    expect(ours.length).toBeGreaterThanOrEqual(9);
    const { uptimeMs: _, ...before } = server.handle.status();
    for (const { method, path } of ours) {
      for (const token of [undefined, client?.clientToken, client?.trainingToken]) {
        expectProblem(await server.ask(method, path, { token }), 'ADMIN_TOKEN_INVALID');
      }
    }
    const { uptimeMs: __, ...after } = server.handle.status();
    expect(after).toEqual(before);
  });

  it('or a client’s is every one that changes something, but for registering', async () => {
    const calls = [...(await callsOf(server.coordinatorUrl)), ...(await callsOf(server.aggregatorUrl))];
    const open = calls.filter(({ method, tokens }) => method !== 'GET' && tokens.includes('none'));
    expect(open.map(({ method, path }) => `${method} ${path}`)).toEqual(['POST /v1/clients']);
  });
});

describe('a token', () => {
  it('is in no answer to any question, not even to the operator’s', async () => {
    const [client] = clients;
    const { run } = server.handle.status();
    // The stream of events is asked for what was: it may be that nothing more happens.
    const described = (await callsOf(server.coordinatorUrl)).filter(
      ({ method, path }) => method === 'GET' && path !== '/v1/events',
    );
    const ofTheAggregator = (await callsOf(server.aggregatorUrl)).filter(({ method }) => method === 'GET');
    const beside = [
      ...['/', '/dashboard/rounds', `/dashboard/rounds/${run}/1/1`, `/dashboard/clients/${client?.clientId}/rounds`],
      ...['/dashboard/charts', '/dashboard/stream', '/dashboard/machines', '/inspect/charts', '/inspect/events'],
      ...[`/inspect/clients/${client?.clientId}`, '/openapi.json', '/v1/events?lastEventId=0'],
    ];
    const asked = [
      ...[...described.map(({ path }) => path), ...beside].map(
        (path) => [server.coordinatorUrl + path, server.adminToken] as const,
      ),
      ...ofTheAggregator.map(({ path }) => [server.aggregatorUrl + path, client?.trainingToken ?? ''] as const),
    ];
    expect(asked.length).toBeGreaterThan(30);
    for (const [url, token] of asked) {
      const { status, text } = await textOf(url, token);
      expect([url, status]).toEqual([url, 200]);
      for (const secret of secrets) expect(text.includes(secret), url).toBe(false);
    }
  });
});
