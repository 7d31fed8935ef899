import type { FastifyInstance } from 'fastify';
import type { UploadGate } from '../domain/aggregation.ts';
import type { HttpSettings } from '../domain/http.ts';
import { createBaseApp, limitsOf } from './base-app.ts';

export { closeApp } from './base-app.ts';

import { timeAnswers } from './durations.ts';
import { FrontDoor } from './front-door/front-door.ts';
import { describeApi } from './plugins/openapi.ts';
import { opsRoutes } from './routes/ops.ts';
import { updateRoutes } from './routes/updates.ts';

export interface AggregatorAppOptions {
  gate: UploadGate;
  http: HttpSettings;
  isDraining: () => boolean;
}

/** The aggregator's HTTP API: hands out the model, takes in updates. */
export async function createAggregatorApp({ gate, http, isDraining }: AggregatorAppOptions): Promise<FastifyInstance> {
  const limits = limitsOf(http);
  // An upload may take as long as its round; that it does not stall is seen to where it is read.
  const app = await createBaseApp({ name: 'aggregator', http, requestMsMax: 0 });
  const durations = timeAnswers(app);
  describeApi(app, {
    title: 'Chorus aggregator',
    description: 'Hands out the global model of the open round and takes in updates.',
    tokens: { training: 'trainingToken, from POST /v1/clients/:clientId/training at the coordinator' },
  });
  await app.register(updateRoutes, { gate, limits });
  const notReady = () => (isDraining() ? 'shutting down' : null);
  const loadMetrics = async () => (await import('./metrics.ts')).aggregatorMetrics(gate);
  await app.register(opsRoutes, { notReady, loadMetrics, histograms: [durations.histogram] });
  if (http.xainApi) {
    const { xainAggregatorApi } = await import('./xain/aggregator-api.ts');
    await app.register(xainAggregatorApi(gate, limits));
  }
  if (http.frontDoor !== false) FrontDoor.install(app, { gate, http, limits, durations });
  return app;
}
