import { connect } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { createActor } from 'xstate';
import type { ClientView } from '../../src/domain/client.ts';
import { ChorusError, errorCatalogue } from '../../src/domain/errors.ts';
import { createInspectFeed, type InspectFeed } from '../../src/inspect/feed.ts';
import { type InspectPluginOptions, inspectPlugin } from '../../src/inspect/plugin.ts';
import { ovenMachine } from './machines.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const clientSnapshot = (clientId: string): ClientView => {
  if (clientId !== 'c1') throw new ChorusError('CLIENT_UNKNOWN');
  return Object.assign(
    { clientId, state: 'training' as const, waitingFor: 'At work.', lastSeenAtMs: 7 },
    { clientToken: 'secret-client' },
  );
};

async function start(options: Partial<InspectPluginOptions> = {}) {
  const feed = createInspectFeed();
  const oven = createActor(ovenMachine, { inspect: feed.inspect }).start();
  const app = Fastify();
  app.setErrorHandler((error, _request, reply) => {
    if (!(error instanceof ChorusError)) throw error;
    return reply.code(errorCatalogue[error.code].status).send({ code: error.code });
  });
  cleanups.push(() => app.close());
  await app.register(inspectPlugin, { feed, clientSnapshot, ...options });
  return { app, feed, oven };
}

const listen = (app: FastifyInstance): Promise<string> => app.listen({ host: '127.0.0.1', port: 0 });

interface Message {
  event: string;
  data: Record<string, unknown>;
}

/** Opens the stream and reads it message by message. */
async function watch(origin: string) {
  const aborter = new AbortController();
  cleanups.push(() => aborter.abort());
  const response = await fetch(`${origin}/inspect/events`, { signal: aborter.signal });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let buffered = '';
  const next = async (): Promise<Message | null> => {
    for (;;) {
      const end = buffered.indexOf('\n\n');
      if (end >= 0) {
        const [, event = '', data = ''] = /^event: (.*)\ndata: (.*)$/.exec(buffered.slice(0, end)) ?? [];
        buffered = buffered.slice(end + 2);
        return { event, data: JSON.parse(data) };
      }
      const { value, done } = (await reader?.read()) ?? { done: true };
      if (done) return null;
      buffered += value;
    }
  };
  return { response, next, stop: () => aborter.abort() };
}

describe('the page', () => {
  it('is served whole, each file with a policy that allows only our own files', async () => {
    const { app } = await start();
    const page = await app.inject('/inspect');
    expect(page.headers['content-type']).toContain('text/html');
    const linked = [...page.body.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path = '']) => path);
    expect(linked).toEqual(['/inspect/chart.css', '/inspect/page.css', '/inspect/page.js']);
    for (const path of ['/inspect', ...linked, '/inspect/chart-view.js', '/inspect/format.js']) {
      const file = await app.inject(path);
      expect(file.statusCode, path).toBe(200);
      expect(file.headers['content-security-policy']).toContain("default-src 'none'");
      expect(file.headers['content-security-policy']).not.toContain('unsafe');
      expect(file.body, `${path} must need no internet`).not.toMatch(/https?:\/\/|url\(|@import/);
    }
  });

  it('has no inline script, style or handler, which its policy would refuse', async () => {
    const { app } = await start();
    const { body } = await app.inject('/inspect');
    expect(body).not.toMatch(/<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)/);
  });

  it('imports only scripts that are served', async () => {
    const { app } = await start();
    const { body } = await app.inject('/inspect/page.js');
    for (const [, file] of body.matchAll(/from '\.\/(.*)'/g)) {
      expect((await app.inject(`/inspect/${file}`)).headers['content-type']).toContain('text/javascript');
    }
  });
});

describe('the charts', () => {
  it('are those of coordinator, round, aggregator and client, drawn without a stylesheet of their own', async () => {
    const { app } = await start();
    const { charts } = (await app.inject('/inspect/charts')).json();
    expect(charts.map(({ id }: { id: string }) => id)).toEqual(['coordinator', 'round', 'aggregator', 'client']);
    for (const { svg, chart, id } of charts) {
      expect(svg).toContain(`<svg xmlns="http://www.w3.org/2000/svg" class="chart" data-chart="${id}"`);
      expect(svg).not.toContain('<style');
      expect(chart.id).toBe(id);
    }
  });
});

describe('a client', () => {
  it('is shown in its state, without its token', async () => {
    const { app } = await start({ now: () => 9 });
    expect((await app.inject('/inspect/clients/c1')).json()).toEqual({
      client: { clientId: 'c1', state: 'training', waitingFor: 'At work.', lastSeenAtMs: 7, clientToken: '[redacted]' },
      active: ['client', 'client.training'],
      atMs: 9,
    });
  });

  it('that is unknown is refused with the code of the catalogue', async () => {
    const { app } = await start();
    expect((await app.inject('/inspect/clients/nobody')).json()).toEqual({ code: 'CLIENT_UNKNOWN' });
  });

  it('is not shown by a server that gives no way to find one', async () => {
    const { app } = await start({ clientSnapshot: undefined as never });
    expect((await app.inject('/inspect/clients/c1')).json()).toEqual({ code: 'NOT_FOUND' });
  });
});

describe('the stream', () => {
  it('starts with the last transitions and the current snapshots, then tells each transition', async () => {
    const { app, oven } = await start();
    oven.send({ type: 'heat' });
    const { response, next } = await watch(await listen(app));
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const hello = await next();
    expect(hello?.event).toBe('hello');
    expect(hello?.data.recent).toMatchObject([{ event: { type: 'xstate.init' } }, { event: { type: 'heat' } }]);
    expect(await next()).toMatchObject({ event: 'snapshot', data: { actor: 'oven', value: 'cold' } });
    oven.send({ type: 'stop' });
    expect(await next()).toMatchObject({
      event: 'transition',
      data: { actor: 'oven', value: 'off', event: { type: 'stop' }, edges: ['oven/stop/0'], context: { heat: 2 } },
    });
  });

  it('never shows a token, neither of a context nor of an event', async () => {
    const { app, oven } = await start();
    const { next } = await watch(await listen(app));
    oven.send({ type: 'heat', trainingToken: 'secret-training' } as never);
    const messages = [await next(), await next(), await next()];
    expect(messages.map((message) => message?.event)).toEqual(['hello', 'snapshot', 'transition']);
    expect(JSON.stringify(messages)).not.toContain('secret');
    expect(messages[2]?.data).toMatchObject({
      event: { trainingToken: '[redacted]' },
      context: { doorToken: '[redacted]' },
    });
  });

  it('is refused beyond the bound, and free again when a page has gone', async () => {
    const { feed, unsubscribed } = observed();
    const { app } = await start({ watchersMax: 1, feed });
    const origin = await listen(app);
    const first = await watch(origin);
    await first.next();
    const second = await fetch(`${origin}/inspect/events`);
    expect(second.status).toBe(429);
    await second.body?.cancel();
    first.stop();
    await unsubscribed;
    expect((await watch(origin)).response.status).toBe(200);
  });

  it('ends when the server closes', async () => {
    const { app } = await start();
    const { next } = await watch(await listen(app));
    await next();
    await next();
    await app.close();
    expect(await next()).toBeNull();
  });

  it('is cut for a page that does not read', async () => {
    const { feed, unsubscribed, oven } = observed();
    const { app } = await start({ feed });
    const { port, hostname } = new URL(await listen(app));
    const socket = connect(Number(port), hostname);
    cleanups.push(() => socket.destroy());
    socket.on('error', () => undefined);
    socket.write('GET /inspect/events HTTP/1.1\r\nhost: x\r\n\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
    socket.pause();
    let dropped = false;
    void unsubscribed.then(() => {
      dropped = true;
    });
    const note = 'x'.repeat(200);
    for (let sent = 0; !dropped && sent < 500_000; sent += 1) {
      oven.send({ type: 'peek', a: note, b: note, c: note, d: note } as never);
      if (sent % 100 === 0) await new Promise(setImmediate);
    }
    expect(dropped).toBe(true);
  });
});

/** A feed that says when nobody listens any more. */
function observed() {
  const inner = createInspectFeed();
  const oven = createActor(ovenMachine, { inspect: inner.inspect }).start();
  let tell: () => void = () => undefined;
  const unsubscribed = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const feed: InspectFeed = {
    ...inner,
    subscribe: (listener) => {
      const stop = inner.subscribe(listener);
      return () => {
        stop();
        tell();
      };
    },
  };
  return { feed, unsubscribed, oven };
}
