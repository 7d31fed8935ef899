import { randomBytes } from 'node:crypto';
import { type Core, type CoreOptions, createCore } from './core.ts';
import { ChorusError } from './domain/errors.ts';
import type { HttpSettings } from './domain/http.ts';
import { createInspectFeed } from './inspect/feed.ts';

export interface ChorusOptions extends CoreOptions {
  /** Bearer token for runs and client lists, at least 16 characters. @default random; see {@link Chorus.adminToken} */
  adminToken?: string;
  /** Serves the statechart page at /inspect. For development: it shows every client's state. @default false */
  inspectPage?: boolean;
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
export interface Chorus extends Core {
  /** Bearer token for what only an operator may do. Secret. */
  readonly adminToken: string;
  /** Opens both ports. @throws when one is taken, it listens already, or the aggregator runs inline. */
  listen(options?: ListenOptions): Promise<{ coordinatorUrl: string; aggregatorUrl: string }>;
}

/** Loaded when a port is opened: embedding without one needs no HTTP. */
const loadHttp = () => import('./http/coordinator-app.ts');

/**
 * A federated-learning server in this process. No port is open until `listen`.
 * @throws {ChorusError} PLAN_INVALID, with a sentence for each setting that is wrong.
 */
export async function createChorus(options: ChorusOptions = {}): Promise<Chorus> {
  // What fails here fails again, and is told, when the ports are opened.
  if (options.preloadHttp) loadHttp().catch(() => undefined);
  const { adminToken = randomBytes(32).toString('base64url'), inspectPage = false, ...coreOptions } = options;
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
  let closeHttp: (() => Promise<void>) | null = null;
  let closing: Promise<void> | null = null;

  async function listen({ host = '127.0.0.1', coordinator = 8081, aggregator = 8082 }: ListenOptions = {}) {
    if (closeHttp) throw new ChorusError('INTERNAL', 'This server listens already');
    // The two threads make their listeners at the same time.
    const aggregatorListens = core.listenAggregator({ host, port: aggregator });
    aggregatorListens.catch(() => undefined);
    const { closeApp, createCoordinatorApp } = await loadHttp();
    const app = await createCoordinatorApp({
      handle: core.handle,
      adminToken,
      http,
      notReady: () => core.notReady(),
      inspectFeed: feed,
    });
    closeHttp = () => closeApp(app);
    try {
      const aggregatorUrl = await aggregatorListens;
      return { aggregatorUrl, coordinatorUrl: await app.listen({ host, port: coordinator }) };
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
  }

  return {
    handle: core.handle,
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
