import type { Logger } from 'pino';
import { failureOf } from '../../audit/failures.ts';
import type { Chorus } from '../../chorus.ts';
import { ChorusError } from '../../domain/errors.ts';
import { EvaluatorUnusable } from '../../domain/evaluate.ts';
import { messageOf } from '../../domain/words.ts';
import { StrategyUnusable } from '../../strategies/own-strategy.ts';
import { packageVersion } from '../../version.ts';
import type { Flags } from '../config/from-flags.ts';
import type { ServeConfig } from '../config/resolve.ts';
import { isLoopback } from '../config/server-conflicts.ts';
import { CommandFailure } from '../failure.ts';
import { plural } from '../render/format.ts';
import { styleFor } from '../render/style.ts';
import { bannerLines, type Listening, listeningFields } from './banner.ts';
import { cameBackTo } from './came-back.ts';
import { refuseOldFolder, runDemo } from './demo.ts';
import { describeEvent } from './event-log.ts';
import { type Keys, openKeys } from './keys.ts';
import { type EndCause, watchLifetime } from './lifetime.ts';
import { openPorts } from './open-ports.ts';
import { readServeConfig } from './serve-config.ts';

/**
 * Runs a server until it is told to stop, or until its demo is over.
 * @throws {CommandFailure} the settings are wrong, or something that it needs cannot be had.
 */
export async function serve(flags: Flags): Promise<void> {
  const { config, demo } = await readServeConfig(flags, process.env);
  const { server } = config;
  const isPretty = server.logFormat === 'pretty' || (server.logFormat === 'auto' && process.stderr.isTTY === true);
  const startedAtMs = Date.now();
  if (demo && server.storage === 'file') await refuseOldFolder(server.dataDir);
  const keys = await openKeys(config, flags.values.adminTokenFile !== undefined, process.env);
  const ending = new AbortController();
  let chorus: Chorus | null = null;
  let log: Logger | null = null;
  let isListening = false;
  const shutDown = async () => {
    ending.abort();
    try {
      await chorus?.close({ graceMs: server.drainMs });
    } finally {
      await keys.folder?.release();
    }
    if (isListening) log?.info('Stopped');
  };
  let closing: Promise<void> | null = null;
  const close = () => {
    closing ??= shutDown();
    return closing;
  };
  const lifetime = watchLifetime({
    process,
    now: () => performance.now(),
    close,
    graceMs: server.drainMs,
    onEnd: (cause) => logEnd(log, chorus, server.drainMs, cause),
    onCloseFailed: (error) => (log ? log.fatal({ err: error }, 'Closing failed') : console.error(error)),
  });

  try {
    const [{ createLogger }, { createChorus }] = await Promise.all([
      import('../../logger.ts'),
      import('../../chorus.ts'),
    ]);
    log = await createLogger({ level: server.logLevel, pretty: isPretty }, 'chorus');
    for (const warning of [...keys.warnings, ...exposureWarnings(config)]) log.warn(warning);
    const whatFailed = { log, diskFailed: lifetime.diskFailed };
    chorus = await createChorus(chorusOptions(config, keys, isPretty, whatFailed)).catch(refuseUnusable);
    const urls = await openPorts(
      chorus,
      server,
      demo !== null && !config.given.has('port') && !config.given.has('aggregatorPort'),
    );
    isListening = true;
    for (const warning of reachWarnings(server.host, server.aggregatorUrl ?? urls.aggregatorUrl)) log.warn(warning);
    logEvents(chorus, log, isPretty);
    const listening: Listening = {
      ...urls,
      hasInspectPage: server.inspect,
      dataDir: keys.folder?.path ?? null,
      adminTokenAt: tokenPlace(keys, isPretty),
      resumed: cameBackTo(chorus.handle, startedAtMs),
      waiting: chorus.handle.status().waitingFor.summary,
    };
    if (demo) {
      const watch = `chorus status --watch --url ${urls.coordinatorUrl}`;
      process.stderr.write(`Chorus listens at ${urls.coordinatorUrl}; in another terminal: ${watch}\n`);
      await runDemo(demo, urls.coordinatorUrl, config, ending.signal);
    } else announce(listening, log, isPretty);
  } catch (error) {
    // Told to stop meanwhile: whatever failed did so for that reason, and the process ends when all is closed.
    if (ending.signal.aborted) return;
    lifetime.unwatch();
    await close();
    throw error;
  }
  if (demo) {
    lifetime.unwatch();
    await close();
  }
}

/** What is wrong with the folder, the evaluator or a strategy is said in its own sentence. */
function refuseUnusable(error: unknown): never {
  const isOfModule = error instanceof EvaluatorUnusable || error instanceof StrategyUnusable;
  // What a plan must be by a strategy of one's own is known only when that is loaded.
  const isOfPlan = error instanceof ChorusError && error.code === 'PLAN_INVALID';
  const sentence = isOfModule ? `${error.message}.` : isOfPlan ? error.message : failureOf(error);
  throw sentence === null ? error : new CommandFailure(sentence);
}

function chorusOptions(
  { server, plan }: ServeConfig,
  keys: Keys,
  isPretty: boolean,
  { log, diskFailed }: { log: Logger; diskFailed: (error: unknown) => void },
) {
  const { aggregatorUrl } = server;
  const {
    logLevel,
    corsOrigins,
    allowedHosts,
    frontDoor,
    xainApi,
    foldThreads,
    inspect,
    evaluatorModule,
    strategyModules,
    autoStart,
    clientsMax,
    stagingBytesMax,
    durability,
    fsync,
    keepUpdates,
    otlpEndpoint,
  } = server;
  return {
    plan,
    adminToken: keys.adminToken,
    storage: keys.folder ? { dir: keys.folder.path } : ('memory' as const),
    ...(keys.folder ? { clientKey: keys.folder.clientKey } : {}),
    ...(foldThreads === null ? {} : { foldThreads }),
    ...(aggregatorUrl === null ? {} : { aggregatorUrl }),
    ...(evaluatorModule === null ? {} : { evaluator: evaluatorModule }),
    strategies: strategyModules,
    ...(otlpEndpoint === null ? {} : { otlpEndpoint }),
    inspectPage: inspect,
    preloadHttp: true,
    autoStart,
    clientsMax,
    stagingBytesMax,
    durability,
    fsync,
    keepUpdates,
    onFatal: diskFailed,
    onNote: (sentence: string) => log.warn(sentence),
    onCrash: (error: unknown) => log.error({ err: error }, 'Something broke; the server goes on'),
    http: {
      corsOrigins: [...corsOrigins],
      allowedHosts: [...allowedHosts],
      frontDoor,
      xainApi,
      log: { level: logLevel, pretty: isPretty },
    },
  };
}

function exposureWarnings({ server: { host, inspect } }: ServeConfig): string[] {
  if (isLoopback(host)) return [];
  const open = `Other machines may reach this server on ${host}, and traffic is not encrypted: put a proxy with TLS in front`;
  return inspect
    ? [open, 'They may also see every client’s state at /inspect; leave --inspect out in production']
    : [open];
}

/** Clients upload to the address that they are told; one of this machine only is of no use to others. */
function reachWarnings(host: string, aggregatorUrl: string): string[] {
  if (isLoopback(host) || !isLoopback(new URL(aggregatorUrl).hostname.replace(/^\[|\]$/g, ''))) return [];
  return [
    `Clients are told ${aggregatorUrl} for the aggregator, which other machines cannot reach; give --aggregator-url the origin at which they can`,
  ];
}

/** Where the admin token is. One that is written nowhere is shown, but to a person at a terminal only, and once. */
function tokenPlace({ adminToken, adminTokenAt }: Keys, isPretty: boolean): string {
  if (adminTokenAt !== null) return adminTokenAt;
  if (isPretty && process.stderr.isTTY)
    return `${adminToken} (shown once: with --storage memory it is written nowhere)`;
  return 'not known to anybody: with --storage memory none is written; set CHORUS_ADMIN_TOKEN to start and stop runs';
}

function announce(listening: Listening, log: Logger, isPretty: boolean): void {
  if (!log.isLevelEnabled('info')) return;
  if (!isPretty) log.info(listeningFields(listening), 'Listening');
  else process.stderr.write(`${bannerLines(listening, packageVersion(), styleFor(process.stderr)).join('\n')}\n\n`);
}

/** People read the message; machines get what it was made of as well. */
function logEvents({ handle }: Chorus, log: Logger, isPretty: boolean): void {
  handle.events.subscribe((event) => {
    const line = describeEvent(event, handle);
    if (line) log[line.level](isPretty ? {} : line.fields, line.message);
  });
}

function logEnd(log: Logger | null, chorus: Chorus | null, graceMs: number, cause: EndCause) {
  if ('disk' in cause) {
    const why = messageOf(cause.disk);
    const sentence = `The disk does not keep what it is given (${why}), so nothing can be promised any more and the server ends; see to the disk of the data folder, then start it again: it goes on with what was kept`;
    if (log) log.fatal({ err: cause.disk }, sentence);
    else console.error(sentence);
    return;
  }
  if ('error' in cause) {
    if (log) log.fatal({ err: cause.error }, 'An error that nobody caught; the server ends');
    else console.error(cause.error);
    return;
  }
  const training = chorus?.handle.status().counts.training ?? 0;
  const waitsFor =
    training > 0
      ? `uploads under way may still end, for at most ${graceMs} ms (${plural(training, 'client')} training)`
      : 'nobody is training, so nothing is waited for';
  log?.info(`Stopping on ${cause.signal}: ${waitsFor}`);
}
