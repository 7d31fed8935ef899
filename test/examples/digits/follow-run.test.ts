import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { followRun, type RunNews } from '../../../examples/digits/follow-run.ts';
import { ChorusClient } from '../../../src/client/index.ts';

let server: Server | null = null;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

const event = (id: number, type: string, data: object): string =>
  `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify({ atMs: id, data })}\n\n`;
const committed = (id: number, round: number, run = 'ours') =>
  event(id, 'round.committed', { run, round, modelVersion: round, contributions: 2 });

/** A server that sends one of `streams` to each reader in turn, in pieces that break amid events, and hangs up. */
async function serveEvents(streams: readonly string[]): Promise<{ url: string; resumedFrom: unknown[] }> {
  const resumedFrom: unknown[] = [];
  server = createServer(async (request, response) => {
    if (request.url !== '/v1/events') return void response.end(JSON.stringify({ run: 'ours', phase: 'training' }));
    const text = streams[resumedFrom.length] ?? '';
    resumedFrom.push(request.headers['last-event-id']);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const piece of text.match(/.{1,50}/gs) ?? []) {
      response.write(piece);
      await new Promise((resolve) => setImmediate(resolve));
    }
    response.end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, resumedFrom };
}

it('tells of the commits of its run up to its end, over a stream that breaks', async () => {
  const { url, resumedFrom } = await serveEvents([
    `retry: 2000\n\n${committed(1, 1)}:\n\n${committed(2, 9, 'another')}${committed(3, 2).slice(0, 40)}`,
    `${committed(3, 2)}${event(4, 'phase', { run: 'ours', runState: 'running' })}${event(5, 'phase', { run: 'ours', runState: 'finished' })}${committed(6, 3)}`,
  ]);
  const news: RunNews[] = [];
  const { signal } = new AbortController();
  for await (const item of followRun({ url, client: new ChorusClient({ url }), run: 'ours', signal })) news.push(item);
  expect(news).toEqual([
    { kind: 'committed', round: 1, modelVersion: 1, contributions: 2, atMs: 1 },
    { kind: 'committed', round: 2, modelVersion: 2, contributions: 2, atMs: 3 },
    { kind: 'over', runState: 'finished' },
  ]);
  expect(resumedFrom).toEqual(['0', '2']);
});

it('gives up a run that the server has lost', async () => {
  const { url } = await serveEvents(['']);
  const { signal } = new AbortController();
  const news = followRun({ url, client: new ChorusClient({ url }), run: 'theirs', signal });
  await expect(news.next()).rejects.toThrow('begun another run');
});
