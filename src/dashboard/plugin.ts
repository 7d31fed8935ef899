/** What the dashboard reads beside `/v1`. It changes nothing. */
import type {} from '@fastify/rate-limit';
// Types `hide`, which keeps a route out of the OpenAPI document.
import type {} from '@fastify/swagger';
import type { FastifyPluginAsync, onRequestAsyncHookHandler } from 'fastify';
import { ChorusError } from '../domain/errors.ts';
import type { CoordinatorHandle } from '../domain/handle.ts';
import { chartOf } from '../inspect/chart.ts';
import { chartedMachines } from '../inspect/charts.ts';
import { EventStreams } from '../inspect/event-streams.ts';
import type { InspectFeed } from '../inspect/feed.ts';
import type { Charts, ClientParts, RoundSummaries, Strategies } from './contract.ts';
import { NewsStreams } from './news-streams.ts';
import { partOf, summaryOf } from './summary.ts';

export interface DashboardOptions {
  handle: CoordinatorHandle;
  /** Refuses whoever does not bring the admin token. */
  adminOnly: onRequestAsyncHookHandler;
  /** Tells each transition of the live machines; null: only the status is shown. */
  feed: InspectFeed | null;
  /** Open pages at once, from 1; more are refused. */
  watchersMax: number;
  /** Unix ms. @default Date.now */
  now?: () => number;
}

const dataHeaders = { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' };

/** Attempts told of at once. */
const roundsMax = 1_000;
const roundsAtOnce = 300;
/** Attempts looked through for one client's history: it takes this thread. */
const searchedMax = 200;

const hidden = { hide: true };

/** Answered over and over by nobody: a page asks once, so a plain bound per address is enough. */
export const dashboardPlugin: FastifyPluginAsync<DashboardOptions> = async (app, options) => {
  const { handle, adminOnly, feed, watchersMax, now = Date.now } = options;
  app.addHook('onRequest', app.rateLimit());

  const news = new NewsStreams({ handle, watchersMax, now });
  app.addHook('preClose', async () => news.close());
  app.get('/dashboard/stream', { schema: hidden, exposeHeadRoute: false }, (request, reply) => {
    if (news.isFull) {
      throw new ChorusError('RATE_LIMITED', `${watchersMax} pages are open already`, { retryAfterMs: 5_000 });
    }
    const last = request.headers['last-event-id'];
    reply.hijack();
    news.open(reply.raw, dataHeaders, placeOf(typeof last === 'string' ? last : ''));
  });

  app.get<{ Querystring: { limit?: string } }>('/dashboard/rounds', { schema: hidden }, async (request, reply) => {
    const limit = Number(request.query.limit ?? roundsAtOnce);
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > roundsMax) {
      throw new ChorusError('REQUEST_INVALID', `limit is from 1 to ${roundsMax}`);
    }
    const answer: RoundSummaries = { rounds: handle.rounds(limit).map(summaryOf) };
    return reply.headers(dataHeaders).send(answer);
  });

  app.get<{ Params: { run: string; round: string; attempt: string } }>(
    '/dashboard/rounds/:run/:round/:attempt',
    { schema: hidden },
    async ({ params: { run, round, attempt } }, reply) => {
      const record = handle
        .rounds(roundsMax)
        .find((one) => one.run === run && one.round === Number(round) && one.attempt === Number(attempt));
      if (!record) throw new ChorusError('ROUND_UNKNOWN', 'This attempt at a round is not kept any more');
      return reply.headers(dataHeaders).send(record);
    },
  );

  app.get<{ Params: { clientId: string } }>(
    '/dashboard/clients/:clientId/rounds',
    { schema: hidden, onRequest: adminOnly },
    async ({ params: { clientId } }, reply) => {
      const records = handle.rounds(searchedMax);
      const parts = records.flatMap((record) => partOf(clientId, record) ?? []);
      const answer: ClientParts = { parts, attemptsSearched: records.length };
      return reply.headers(dataHeaders).send(answer);
    },
  );

  app.get('/dashboard/strategies', { schema: hidden, onRequest: adminOnly }, async (_request, reply) => {
    const answer: Strategies = { strategies: handle.strategies() };
    return reply.headers(dataHeaders).send(answer);
  });

  app.get('/dashboard/charts', { schema: hidden }, async (_request, reply) => {
    const answer: Charts = { charts: chartedMachines.map(chartOf), isLive: feed !== null };
    return reply.headers(dataHeaders).send(answer);
  });

  if (!feed) return;
  const machines = new EventStreams({ feed, watchersMax, now });
  app.addHook('preClose', async () => machines.close());
  app.get('/dashboard/machines', { schema: hidden, exposeHeadRoute: false }, (_request, reply) => {
    if (machines.isFull) {
      throw new ChorusError('RATE_LIMITED', `${watchersMax} pages watch already`, { retryAfterMs: 5_000 });
    }
    reply.hijack();
    machines.open(reply.raw, { ...dataHeaders, connection: 'close' });
  });
};

/** `<server>/<id>`, as given out with each message. */
function placeOf(lastEventId: string): { server: string; id: number } | null {
  const [, server, id] = /^([0-9a-f-]{36})\/(\d{1,15})$/.exec(lastEventId) ?? [];
  return server !== undefined && id !== undefined ? { server, id: Number(id) } : null;
}
