import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import * as Comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { Aggregation } from '../aggregator/service.ts';
import type { AggregatorCallbacks, AggregatorService } from '../domain/aggregation.ts';
import { systemClock } from '../domain/clock.ts';
import type { HttpSettings } from '../domain/http.ts';
import { openFileUpdateStore } from '../storage/file-update-store.ts';
import { openNodeDisk } from '../storage/node-disk.ts';
import { createFoldPool } from './fold-pool.ts';
import { createOwnStrategyPool } from './own-strategy-pool.ts';

/** What the aggregator thread is started with. */
export interface AggregatorThreadData {
  /** The coordinator listens at the other end. */
  callbackPort: MessagePort;
  stagingBytesMax: number;
  foldThreads: number;
  /** Where accepted updates are staged; null: they are in memory only. */
  updates: { dir: string; fsync: 'always' | 'commit'; keep: boolean } | null;
  http: HttpSettings;
  preloadHttp: boolean;
}

const { callbackPort, stagingBytesMax, foldThreads, updates, http, preloadHttp } = workerData as AggregatorThreadData;

let close: (() => Promise<void>) | null = null;

/** Loaded when a port is opened: embedding without one needs no HTTP. */
const loadHttp = () => import('../http/aggregator-app.ts');
// What fails here fails again, and is told, when the port is opened.
if (preloadHttp) loadHttp().catch(() => undefined);

const service: Aggregation = new Aggregation({
  clock: systemClock,
  pool: createFoldPool(foldThreads),
  callbacks: Comlink.wrap<AggregatorCallbacks>(nodeEndpoint(callbackPort)) as unknown as AggregatorCallbacks,
  ownStrategies: createOwnStrategyPool(foldThreads),
  stagingBytesMax,
  memory: 'wasm',
  updates: updates && (await openFileUpdateStore(openNodeDisk(updates.dir), updates)),
  listener: {
    async listen({ host, port }) {
      await close?.();
      const { closeApp, createAggregatorApp } = await loadHttp();
      const app = await createAggregatorApp({ gate: service, http, isDraining: () => service.isDraining });
      close = () => closeApp(app);
      return { url: await app.listen({ host, port }) };
    },
    async close() {
      await close?.();
      close = null;
    },
  },
});

const api: AggregatorService = {
  listen: (at) => service.listen(at),
  openRound: (order, recovered) => service.openRound(order, recovered),
  admit: (credential) => service.admit(credential),
  recall: (credentials, payloadBytesMax) => service.recall(credentials, payloadBytesMax),
  revoke: (clientId) => service.revoke(clientId),
  closeRound: (request) => service.closeRound(request),
  abandonRound: () => service.abandonRound(),
  releaseUpdates: () => service.releaseUpdates(),
  publish: (model) => service.publish(model),
  checkModel: (bytes) => service.checkModel(bytes),
  drain: (graceMs) => service.drain(graceMs),
  close: () => service.close(),
};

if (!parentPort) throw new Error('The aggregator worker runs as a worker thread');
Comlink.expose(api, nodeEndpoint(parentPort));
