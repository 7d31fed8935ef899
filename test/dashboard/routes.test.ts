import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Participant, updateOf } from '../http/participant.ts';
import { TestServer } from '../http/test-server.ts';

let server: TestServer;
let participants: Participant[];

beforeAll(async () => {
  server = await TestServer.start({
    inspectPage: true,
    plan: { rounds: 2, minClients: 2, quorum: 1, heartbeatTimeoutMs: 600_000 },
  });
  participants = await server.joinMany(2);
  const [first, second] = participants;
  if (!first || !second) throw new Error('Two have joined');
  for (const one of participants) await one.waitUntil('selected');
  await first.start();
  await first.upload(updateOf([1, 2], 5, { loss: 0.5 }));
  server.handle.evict(second.clientId);
  await server.event('round.committed');
}, 60_000);
afterAll(() => server.close());

describe('the page', () => {
  it('is served at / with a policy that lets in only our own files', async () => {
    const { status, headers, text } = await server.ask('GET', '/');
    expect(status).toBe(200);
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy.split('; ')).toEqual(
      expect.arrayContaining(["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"]),
    );
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
    expect(text).not.toMatch(/<script(?![^>]*src=)|<style|\son\w+=|style=/);
    expect(headers.get('cache-control')).toBe('no-cache');
  });

  it('has assets that are kept for good, compressed, under the same policy', async () => {
    const { text } = await server.ask('GET', '/');
    const [, script = ''] = /src="([^"]+\.js)"/.exec(text) ?? [];
    const { status, headers } = await server.ask('GET', script, { headers: { 'accept-encoding': 'gzip' } });
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toContain('immutable');
    expect(headers.get('content-encoding')).toBe('gzip');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect((await server.ask('GET', '/dashboard/assets/../../package.json')).status).toBe(404);
  });
});

describe('what anybody may read', () => {
  it('tells the attempts at rounds without their clients, newest first', async () => {
    const { json } = await server.ask('GET', '/dashboard/rounds');
    const [, first] = json.rounds;
    expect(json.rounds.map(({ round }: { round: number }) => round)).toEqual([2, 1]);
    expect(first).toMatchObject({
      ...{ cohort: 2, contributions: 1, phase: 'committed', modelVersion: 1, bytesIn: expect.any(Number), bytesOut: 0 },
      exclusions: { evicted: 1 },
      strategy: { name: 'fedavg', parameters: {}, mode: 'synchronous' },
      metrics: { loss: 0.5 },
    });
    expect((await server.ask('GET', '/dashboard/rounds?limit=1')).json.rounds).toHaveLength(1);
    expect((await server.ask('GET', '/dashboard/rounds?limit=0')).json.code).toBe('REQUEST_INVALID');
  });

  it('tells one attempt whole, and refuses one that is not kept', async () => {
    const { run } = server.handle.rounds(1)[0] ?? {};
    const { json } = await server.ask('GET', `/dashboard/rounds/${run}/1/1`);
    expect(json.contributions).toHaveLength(1);
    expect((await server.ask('GET', `/dashboard/rounds/${run}/1/9`)).json.code).toBe('ROUND_UNKNOWN');
  });

  it('tells the definitions of all machines', async () => {
    const { json } = await server.ask('GET', '/dashboard/charts');
    expect(json.charts.map(({ id }: { id: string }) => id)).toEqual(['coordinator', 'round', 'aggregator', 'client']);
    expect(json.isLive).toBe(true);
  });

  it('holds no token of anybody', async () => {
    const { run } = server.handle.rounds(1)[0] ?? {};
    const paths = ['/', '/dashboard/rounds', `/dashboard/rounds/${run}/1/1`, '/dashboard/charts'];
    const texts = await Promise.all(paths.map(async (path) => (await server.ask('GET', path)).text));
    texts.push(await firstOf('/dashboard/stream'), await firstOf('/dashboard/machines'));
    const secrets = [server.adminToken, ...participants.flatMap((one) => [one.clientToken, one.ticket?.trainingToken])];
    for (const secret of secrets.filter((one) => one !== undefined)) {
      for (const text of texts) expect(text).not.toContain(secret);
    }
  });
});

describe('a place in the stream of a page', () => {
  it.each([
    'nonsense',
    '../1',
    `${crypto.randomUUID()}/1`,
    `${crypto.randomUUID()}/999999999999999`,
    '/'.repeat(4_000),
  ])('that was made up is none: the page is told what one that opens is told: %s', async (place) => {
    const news = async (headers?: Record<string, string>) => {
      const [, json = ''] = /^data: (.+)$/m.exec(await firstOf('/dashboard/stream', headers)) ?? [];
      return JSON.parse(json);
    };
    const { events, missed, status } = await news({ 'last-event-id': place });
    expect(events).toEqual((await news()).events);
    expect({ missed, run: status.run }).toEqual({ missed: false, run: server.handle.status().run });
  });
});

describe('what only the operator may', () => {
  it('tells one client’s part in the rounds', async () => {
    const [, second] = participants;
    const path = `/dashboard/clients/${second?.clientId}/rounds`;
    expect((await server.ask('GET', path)).json.code).toBe('ADMIN_TOKEN_INVALID');
    const { json } = await server.order('GET', path);
    expect(json.attemptsSearched).toBe(2);
    expect(json.parts.at(-1)).toMatchObject({ round: 1, attempt: 1, outcome: 'evicted', numExamples: null });
  });

  it('refuses every change and every client’s state to who has no admin token', async () => {
    const [first] = participants;
    const asked: [string, string][] = [
      ['POST', '/v1/runs'],
      ['POST', '/v1/runs/current/pause'],
      ['POST', '/v1/runs/current/resume'],
      ['POST', '/v1/runs/current/stop'],
      ['GET', '/v1/clients'],
      ['GET', `/v1/clients/${first?.clientId}`],
      ['GET', `/v1/rounds/1/selection/${first?.clientId}`],
      ['GET', '/dashboard/strategies'],
    ];
    for (const [method, path] of asked) {
      for (const token of [undefined, first?.clientToken, 'x'.repeat(43)]) {
        const { status } = await server.ask(method, path, token === undefined ? {} : { token });
        expect(status, `${method} ${path}`).toBe(401);
      }
    }
    expect(server.handle.status().runState).toBe('running');
  });

  it('changes nothing by any route of its own', async () => {
    for (const method of ['POST', 'PUT', 'DELETE']) {
      for (const path of ['/', '/dashboard/rounds', '/dashboard/stream', '/dashboard/charts']) {
        expect((await server.order(method, path)).status, `${method} ${path}`).toBeGreaterThanOrEqual(404);
      }
    }
  });
});

/** What a stream says first. */
async function firstOf(path: string, headers: Record<string, string> = {}): Promise<string> {
  const aborter = new AbortController();
  const response = await fetch(server.coordinatorUrl + path, { headers, signal: aborter.signal });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (!/data: .*\n/.test(text)) text += (await reader?.read())?.value ?? '';
  aborter.abort();
  return text;
}
