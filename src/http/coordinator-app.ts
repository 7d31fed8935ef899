import type { FastifyInstance } from 'fastify';
import { dashboardPlugin } from '../dashboard/plugin.ts';
import type { CoordinatorHandle } from '../domain/handle.ts';
import type { HttpSettings } from '../domain/http.ts';
import type { SpanCounts } from '../domain/tracing.ts';
import type { InspectFeed } from '../inspect/feed.ts';
import { createBaseApp, limitByAddress, limitsOf } from './base-app.ts';

export { closeApp } from './base-app.ts';

import { AttemptNumbers } from './attempt-numbers.ts';
import { timeAnswers } from './durations.ts';
import { FastHeartbeats } from './fast-heartbeats.ts';
import { adminOnly } from './plugins/bearer.ts';
import { describeApi } from './plugins/openapi.ts';
import { serveWhenAsked } from './plugins/when-asked.ts';
import { Rates } from './rates.ts';
import { clientRoutes } from './routes/clients.ts';
import { eventRoutes } from './routes/events.ts';
import { historyRoutes } from './routes/history.ts';
import { modelRoutes } from './routes/models.ts';
import { operationRoutes } from './routes/operations.ts';
import { opsRoutes } from './routes/ops.ts';
import { roundRoutes } from './routes/rounds.ts';
import { runRoutes } from './routes/runs.ts';
import { schemaRoutes } from './routes/schemas.ts';

export interface CoordinatorAppOptions {
  handle: CoordinatorHandle;
  adminToken: string;
  http: HttpSettings;
  notReady: () => string | null;
  /** Shows the statecharts at /inspect. */
  inspectFeed: InspectFeed | null;
  /** Spans of traces, by what became of them. */
  spans: () => SpanCounts;
}

/** The coordinator's HTTP API: maps calls of the handle, and nothing else. */
export async function createCoordinatorApp(options: CoordinatorAppOptions): Promise<FastifyInstance> {
  const { handle, adminToken, http, notReady, inspectFeed, spans } = options;
  const limits = limitsOf(http);
  const app = await createBaseApp({ name: 'coordinator', http, requestMsMax: limits.requestMsMax });
  const rates = new Rates();
  const durations = timeAnswers(app);
  const attempts = new AttemptNumbers(handle);
  describeApi(app, {
    title: 'Chorus coordinator',
    description:
      'Registers clients, selects cohorts, runs rounds. Updates and models of open rounds go through the aggregator.',
    tokens: { client: 'clientToken of the registration', admin: 'The server’s admin token' },
  });
  await app.register(clientRoutes, { handle, adminToken, limits, rates });
  await app.register(roundRoutes, { handle, adminToken });
  await app.register(modelRoutes, { handle });
  await app.register(runRoutes, { handle, adminToken, limits });
  await app.register(operationRoutes, { handle, adminToken });
  await app.register(historyRoutes, { handle });
  await app.register(schemaRoutes);
  await app.register(eventRoutes, { handle, limits });
  const loadMetrics = async () => (await import('./metrics.ts')).coordinatorMetrics(handle, attempts, spans);
  await app.register(opsRoutes, { notReady, loadMetrics, histograms: [durations.histogram, attempts.phases] });
  const dashboard = { adminOnly: adminOnly(adminToken), feed: inspectFeed, watchersMax: limits.eventStreamsMax };
  await app.register(dashboardPlugin, { handle, ...dashboard });
  await app.register((page, _options, done) => {
    limitByAddress(page);
    serveWhenAsked(page, ['/', '/dashboard/*'], async () => (await import('../dashboard/page.ts')).dashboardPage);
    done();
  });
  if (inspectFeed) {
    const { inspectPlugin } = await import('../inspect/plugin.ts');
    await app.register(inspectPlugin, { feed: inspectFeed, clientSnapshot: handle.client });
  }
  if (http.xainApi) {
    const { xainCoordinatorApi } = await import('./xain/coordinator-api.ts');
    await app.register(xainCoordinatorApi(handle));
  }
  if (http.frontDoor !== false) FastHeartbeats.install(app, { handle, http, limits, rates, durations });
  return app;
}
