import { randomBytes } from 'node:crypto';
import { type Core, type CoreOptions, createCore } from './core.ts';
import { systemClock } from './domain/clock.ts';
import { ChorusError } from './domain/errors.ts';
import type { HttpSettings } from './domain/http.ts';
import type { SpanCounts } from './domain/tracing.ts';
import { createInspectFeed } from './inspect/feed.ts';
import { packageVersion } from './version.ts';

export interface ChorusOptions extends CoreOptions {
  /** Bearer token for runs and client lists, at least 16 characters. @default random; see {@link Chorus.adminToken} */
  adminToken?: string;
  /** Serves the statechart page at /inspect. For development: it shows every client's state. @default false */
  inspectPage?: boolean;
  /**
   * Base URL of an OpenTelemetry collector that takes OTLP over HTTP, e.g. `http://127.0.0.1:4318`: each round is sent to
   * it as a trace. @default none; nothing is traced, and OpenTelemetry is not loaded
   */
  otlpEndpoint?: string;
}

export interface ListenOptions {
  /** @default '127.0.0.1' */
  host?: string;
  /** 0 picks a free port. @default 8081 */
  coordinator?: number;
  /** 0 picks a free port. @default 8082 */
  aggregator?: number;
}

/** A running server. */
export interface Chorus extends Omit<Core, 'countSilence'> {
  /** Bearer token for what only an operator may do. Secret. */
  readonly adminToken: string;
  /** Opens both ports. @throws when one is taken, it listens already, or the aggregator runs inline. */
  listen(options?: ListenOptions): Promise<{ coordinatorUrl: string; aggregatorUrl: string }>;
}

/** Loaded when a port is opened: embedding without one needs no HTTP. */
const loadHttp = () => import('./http/coordinator-app.ts');

const noSpans: SpanCounts = { sent: 0, failed: 0, dropped: 0 };

/** Loaded when there is somewhere to send traces to. @throws {TypeError} `endpoint` is no URL; then the core is closed. */
async function trace(core: Core, endpoint: string, { clock = systemClock, onNote = () => undefined }: CoreOptions) {
  try {
    const { startTracing } = await import('./tracing/tracing.ts');
    return await startTracing(core.handle, { endpoint, version: packageVersion(), clock, onNote });
  } catch (error) {
    await core.close({ graceMs: 0 });
    throw error;
  }
}

/**
 * A federated-learning server in this process. No port is open until `listen`.
 * @throws {ChorusError} PLAN_INVALID, with a sentence for each setting that is wrong.
 */
export async function createChorus(options: ChorusOptions = {}): Promise<Chorus> {
  // What fails here fails again, and is told, when the ports are opened.
  if (options.preloadHttp) loadHttp().catch(() => undefined);
  const {
    adminToken = randomBytes(32).toString('base64url'),
    inspectPage = false,
    otlpEndpoint,
    ...coreOptions
  } = options;
  if (adminToken.length < 16)
    throw new RangeError('adminToken has fewer than 16 characters; a short one can be guessed');
  const http: HttpSettings = coreOptions.http ?? {};
  const feed = inspectPage ? createInspectFeed() : null;
  const { inspect } = coreOptions;
  const core = await createCore({
    ...coreOptions,
    ...(feed
      ? {
          inspect: (event) => {
            feed.inspect(event);
            inspect?.(event);
          },
        }
      : {}),
  });
  const tracing = otlpEndpoint === undefined ? null : await trace(core, otlpEndpoint, coreOptions);
  const handle = tracing?.handle ?? core.handle;
  let closeHttp: (() => Promise<void>) | null = null;
  let closing: Promise<void> | null = null;

  async function listen({ host = '127.0.0.1', coordinator = 8081, aggregator = 8082 }: ListenOptions = {}) {
    if (closeHttp) throw new ChorusError('INTERNAL', 'This server listens already');
    // The two threads make their listeners at the same time.
    const aggregatorListens = core.listenAggregator({ host, port: aggregator });
    aggregatorListens.catch(() => undefined);
    const { closeApp, createCoordinatorApp } = await loadHttp();
    const app = await createCoordinatorApp({
      handle,
      adminToken,
      http,
      notReady: () => core.notReady(),
      inspectFeed: feed,
      spans: () => tracing?.counts() ?? noSpans,
    });
    closeHttp = () => closeApp(app);
    try {
      const aggregatorUrl = await aggregatorListens;
      const coordinatorUrl = await app.listen({ host, port: coordinator });
      core.countSilence();
      return { aggregatorUrl, coordinatorUrl };
    } catch (error) {
      closeHttp = null;
      await closeApp(app);
      throw error;
    }
  }

  async function shutDown(options: { graceMs?: number }): Promise<void> {
    // First the work: held calls are answered and uploads end while both ports still answer; then the ports.
    await core.close(options);
    await closeHttp?.();
    await tracing?.close();
  }

  return {
    handle,
    get gate() {
      return core.gate;
    },
    get isDraining() {
      return core.isDraining;
    },
    adminToken,
    notReady: () => core.notReady(),
    listenAggregator: (at) => core.listenAggregator(at),
    killAggregator: () => core.killAggregator(),
    listen,
    close(options = {}) {
      closing ??= shutDown(options);
      return closing;
    },
  };
}
