import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { InspectionEvent } from 'xstate';
import { AggregatorActor, type ServiceLink } from './actors/aggregator.actor.ts';
import { inlineLink, threadLink } from './actors/aggregator-links.ts';
import { createClientTokens } from './actors/client-tokens.ts';
import { Coordinator } from './actors/coordinator.actor.ts';
import { createHandle } from './actors/coordinator-handle.ts';
import { type SelectionPolicy, uniformPolicy } from './actors/selector.actor.ts';
import { inlineFoldPool } from './aggregator/inline-pool.ts';
import { Aggregation } from './aggregator/service.ts';
import type { AggregatorCallbacks, UploadGate } from './domain/aggregation.ts';
import { type Clock, systemClock } from './domain/clock.ts';
import { ChorusError, fromRefusal } from './domain/errors.ts';
import type { CoordinatorHandle } from './domain/handle.ts';
import type { HttpSettings, ListenAt } from './domain/http.ts';
import { type Plan, readPlan } from './domain/plan.ts';
import { type RandomStream, secureRandom, seededRandom, uuidsFrom } from './domain/random.ts';
import { openFileModelStore } from './storage/file-model-store.ts';
import { createMemoryModelStore } from './storage/memory-model-store.ts';

export interface CoreOptions {
  /** Settings of the run; what is left out takes its default. See `planSettings`. */
  plan?: Partial<Plan>;
  /** `memory`: nothing outlives the process. `dir`: models are kept in this folder. @default 'memory' */
  storage?: 'memory' | { dir: string };
  /** Where the aggregator runs: on a thread of its own, or in this one (no HTTP then). @default 'thread' */
  aggregator?: 'thread' | 'inline';
  /** Whether a run starts at once. @default true */
  autoStart?: boolean;
  /** Most registered clients, 1 to 2^30. @default 1,000,000 */
  clientsMax?: number;
  /** Memory for updates received but not summed yet, bytes. @default 1 GiB */
  stagingBytesMax?: number;
  /** Threads that check and sum. @default as many as the machine offers */
  foldThreads?: number;
  /** How a cohort is chosen. @default uniformly at random */
  policy?: SelectionPolicy;
  /** Key of the clients' tokens, ≥ 32 bytes; the same key keeps tokens valid over a restart. @default random */
  clientKey?: Uint8Array;
  /** Told of broken invariants and of failing policies; the server goes on. @default writes to standard error */
  onCrash?: (error: unknown) => void;
  /** What the HTTP listeners are to be like, once they are opened. */
  http?: HttpSettings;
  /** Ports will be opened soon: what they need is loaded meanwhile. @default false */
  preloadHttp?: boolean;
  /** XState's inspection events of every actor. */
  inspect?: (event: InspectionEvent) => void;
  /** Time. @default the system's */
  clock?: Clock;
  /** Origin at which clients reach the aggregator, e.g. behind a proxy. @default where it listens */
  aggregatorUrl?: string;
  /** Decides who is selected and spreads heartbeats. @default unpredictable */
  random?: RandomStream;
  /** Bits of ids and tokens. Must be unpredictable outside of tests. @default unpredictable */
  entropy?: RandomStream;
}

/** The system without ports. */
export interface Core {
  readonly handle: CoordinatorHandle;
  /** The aggregator's in-process face; null when it runs on a thread of its own. */
  readonly gate: UploadGate | null;
  readonly isDraining: boolean;
  /** Why it cannot take part in rounds now, or null. */
  notReady(): string | null;
  /** Opens the aggregator's port. @returns its URL. @throws when the port is taken. */
  listenAggregator(at: ListenAt): Promise<string>;
  /**
   * Shuts down: no new work is taken, uploads under way end (for at most `graceMs`), held calls are answered, ports
   * close. Idempotent.
   */
  close(options?: { graceMs?: number }): Promise<void>;
  /** Ends the aggregator as a fault would, to see it recover. */
  killAggregator(): void;
}

/**
 * Builds the whole system in this process, without opening a port.
 * @throws {ChorusError} PLAN_INVALID, with a sentence for each setting that is wrong.
 */
export async function createCore(options: CoreOptions = {}): Promise<Core> {
  const { plan, problems } = readPlan(options.plan ?? {});
  if (problems.length > 0) throw new ChorusError('PLAN_INVALID', problems.map(({ message }) => message).join(' '));
  const {
    storage = 'memory',
    aggregator: place = 'thread',
    autoStart = true,
    clientsMax = 1_000_000,
    stagingBytesMax = 2 ** 30,
    foldThreads = availableParallelism(),
    policy = uniformPolicy,
    clientKey = randomBytes(32),
    onCrash = (error: unknown) => console.error(error),
    clock = systemClock,
    random = secureRandom(),
    entropy = secureRandom(),
    http = {},
    preloadHttp = false,
    aggregatorUrl,
    inspect,
  } = options;
  const models = storage === 'memory' ? createMemoryModelStore() : await openFileModelStore(storage.dir);

  let gate: UploadGate | null = null;
  const connect: (callbacks: AggregatorCallbacks) => Promise<ServiceLink> =
    place === 'thread'
      ? threadLink({ stagingBytesMax, foldThreads, http, preloadHttp })
      : inlineLink((callbacks) => {
          const service = new Aggregation({ clock, pool: inlineFoldPool, callbacks, stagingBytesMax, memory: 'plain' });
          gate = service;
          return service;
        });
  const aggregator = new AggregatorActor({
    clock,
    connect,
    callbacks: {
      endTraining: (report) => coordinator.endTraining(report),
      uploadRefused: (report) => coordinator.noteRefusedUpload(report),
      lost: (reason) => coordinator.aggregatorLost(reason),
      back: () => coordinator.aggregatorBack(),
    },
    onCrash,
    ...(inspect ? { inspect } : {}),
  });
  const coordinator: Coordinator = new Coordinator({
    clock,
    random,
    entropy,
    uuid: uuidsFrom(entropy),
    aggregator,
    models,
    policy,
    clientsMax,
    heartbeatTimeoutMs: plan.heartbeatTimeoutMs,
    onCrash,
    ...(inspect ? { inspect } : {}),
  });

  let isDraining = false;
  const handle = createHandle({
    coordinator,
    aggregator,
    clock,
    pacing: seededRandom(entropy.uint32()),
    tokens: createClientTokens(clientKey),
    defaults: plan,
    aggregatorUrl: () => aggregatorUrl ?? aggregator.url,
    isDraining: () => isDraining,
  });

  aggregator.start();
  coordinator.start();
  const refusal = await aggregator.ready();
  if (refusal) throw fromRefusal(refusal);
  if (autoStart) handle.startRun();

  let closing: Promise<void> | null = null;
  async function shutDown(graceMs: number): Promise<void> {
    isDraining = true;
    coordinator.polls.release();
    await aggregator.drain(graceMs);
    coordinator.stop();
    await aggregator.close();
  }

  return {
    handle,
    get gate() {
      return gate;
    },
    get isDraining() {
      return isDraining;
    },
    notReady() {
      if (isDraining) return 'shutting down';
      const { state } = aggregator;
      return state === 'idle' || state === 'collecting' || state === 'aggregating'
        ? null
        : `the aggregator is ${state}`;
    },
    async listenAggregator(at) {
      const answer = await aggregator.listen(at);
      if (answer.kind === 'refused') throw fromRefusal(answer);
      return answer.value.url;
    },
    close({ graceMs = 10_000 } = {}) {
      closing ??= shutDown(graceMs);
      return closing;
    },
    killAggregator: () => aggregator.kill(),
  };
}
