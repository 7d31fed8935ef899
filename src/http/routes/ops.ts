import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Registry } from 'prom-client';
import { ChorusError } from '../../domain/errors.ts';
import { limitByAddress } from '../base-app.ts';
import type { Histogram } from '../histogram.ts';
import { problems } from '../schemas/common.ts';
import { Type } from '../schemas/type.ts';

interface OpsOptions {
  /** Why it cannot do its work now, or null. */
  notReady: () => string | null;
  /** Loads the numbers that are read when they are asked for; the first to ask need not be there when a server starts. */
  loadMetrics: () => Promise<Registry>;
  /** Those that count from the start. */
  histograms: readonly Histogram[];
}

const Health = Type.Object({ status: Type.Literal('ok') });
const notReadyRetryMs = 1_000;

/** For orchestrators and Prometheus. */
export const opsRoutes: FastifyPluginAsyncTypebox<OpsOptions> = async (app, options) => {
  const { notReady, loadMetrics, histograms } = options;
  limitByAddress(app);
  const tags = ['operations'];
  app.get('/healthz', { schema: { tags, summary: 'Whether it is alive', response: { 200: Health } } }, async () => ({
    status: 'ok' as const,
  }));

  app.get(
    '/readyz',
    { schema: { tags, summary: 'Whether it can do its work', response: { 200: Health, ...problems(503) } } },
    async () => {
      const reason = notReady();
      if (reason === null) return { status: 'ok' as const };
      const code = reason === 'shutting down' ? 'SHUTTING_DOWN' : 'AGGREGATOR_UNAVAILABLE';
      throw new ChorusError(code, `Not ready: ${reason}`, { retryAfterMs: notReadyRetryMs });
    },
  );

  let loading: Promise<Registry> | null = null;
  app.get(
    '/metrics',
    { schema: { tags, summary: 'Numbers for Prometheus', produces: ['text/plain'], response: { 200: Type.String() } } },
    async (_request, reply) => {
      loading ??= loadMetrics();
      const metrics = await loading;
      // What has no samples yet it spells in its own way.
      const numbers = (await metrics.metrics()).replace(/ Nan$/gm, ' NaN');
      return reply.type(metrics.contentType).send(numbers + histograms.map((histogram) => histogram.text()).join(''));
    },
  );
};
