/**
 * The inspection page and its feed, as a Fastify plugin. For development: it shows the inside of the system to whoever
 * can reach it (though never a token), so it is mounted only when asked for.
 */
// Types `hide`, which keeps a route out of the OpenAPI document.
import type {} from '@fastify/swagger';
import type { FastifyPluginAsync } from 'fastify';
import fp from 'fastify-plugin';
import type { AnyStateMachine } from 'xstate';
import type { ClientView } from '../domain/client.ts';
import { ChorusError, errorCatalogue } from '../domain/errors.ts';
import { readAssets } from './assets.ts';
import { activeStates, type Chart, chartOf } from './chart.ts';
import { chartedMachines } from './charts.ts';
import { EventStreams } from './event-streams.ts';
import type { InspectFeed } from './feed.ts';
import { layoutChart } from './layout.ts';
import { toPlain } from './plain.ts';
import { renderSvg } from './svg.ts';

export interface InspectPluginOptions {
  feed: InspectFeed;
  /** Finds a client by id, as `CoordinatorHandle.client` does. @throws CLIENT_UNKNOWN. Without it no client is shown. */
  clientSnapshot?: (clientId: string) => ClientView;
  /** Machines to draw. @default coordinator, round, aggregator and client */
  machines?: readonly AnyStateMachine[];
  /** Pages that may watch at once, from 1. @default 16 */
  watchersMax?: number;
  /** Unix ms. @default Date.now */
  now?: () => number;
}

export interface DrawnChart {
  id: string;
  chart: Chart;
  /** Without a stylesheet of its own: the page links `/inspect/chart.css`. */
  svg: string;
}

/** Only our own files, no inline script or style, no other origin. */
const headers = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
};

const routes: FastifyPluginAsync<InspectPluginOptions> = async (
  app,
  { feed, clientSnapshot, machines = chartedMachines, watchersMax = 16, now = Date.now },
) => {
  const hidden = { hide: true };
  for (const { path, contentType, body } of await readAssets()) {
    app.get(path, { schema: hidden }, async (_request, reply) => reply.headers(headers).type(contentType).send(body));
  }

  // Laying charts out takes this thread a second: before the port opens, so that no heartbeat waits for it.
  app.addHook('onReady', async () => {
    await chartsOf(machines);
  });
  app.get('/inspect/charts', { schema: hidden }, async (_request, reply) =>
    reply.headers(headers).send({ charts: await chartsOf(machines) }),
  );

  const streams = new EventStreams({ feed, watchersMax, now });
  app.addHook('preClose', async () => streams.close());
  app.get('/inspect/events', { schema: hidden }, (_request, reply) => {
    if (streams.isFull) {
      reply.code(errorCatalogue.RATE_LIMITED.status);
      throw new ChorusError('RATE_LIMITED', `${watchersMax} pages are watching already`, { retryAfterMs: 5_000 });
    }
    reply.hijack();
    streams.open(reply.raw, headers);
  });

  app.get<{ Params: { clientId: string } }>(
    '/inspect/clients/:clientId',
    { schema: hidden },
    async (request, reply) => {
      if (!clientSnapshot) {
        reply.code(errorCatalogue.NOT_FOUND.status);
        throw new ChorusError('NOT_FOUND', 'This server shows no clients');
      }
      const client = clientSnapshot(request.params.clientId);
      return reply
        .headers(headers)
        .send({ client: toPlain(client), active: activeStates('client', client.state), atMs: now() });
    },
  );
};

/** Drawn once for a process: the definitions do not change. */
const drawn = new WeakMap<readonly AnyStateMachine[], Promise<DrawnChart[]>>();

function chartsOf(machines: readonly AnyStateMachine[]): Promise<DrawnChart[]> {
  const charts = drawn.get(machines) ?? drawCharts(machines);
  drawn.set(machines, charts);
  return charts;
}

async function drawCharts(machines: readonly AnyStateMachine[]): Promise<DrawnChart[]> {
  const drawn: DrawnChart[] = [];
  for (const machine of machines) {
    const chart = chartOf(machine);
    drawn.push({ id: chart.id, chart, svg: renderSvg(await layoutChart(chart), { standalone: false }) });
  }
  return drawn;
}

/** Routes under `/inspect`: the page, `charts`, `events` (Server-Sent Events) and `clients/:clientId`. */
export const inspectPlugin = fp<InspectPluginOptions>(routes, { name: 'inspect', fastify: '5.x' });
