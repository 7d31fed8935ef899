import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { InspectionEvent } from 'xstate';
import { AggregatorActor, type ServiceLink } from './actors/aggregator.actor.ts';
import { inlineLink, threadLink } from './actors/aggregator-links.ts';
import { createClientTokens } from './actors/client-tokens.ts';
import { Coordinator } from './actors/coordinator.actor.ts';
import { createHandle } from './actors/coordinator-handle.ts';
import { createJudge } from './actors/judge.ts';
import { LongTimeline, type OlderFacts } from './actors/long-timeline.ts';
import { pastCredentials } from './actors/past-credentials.ts';
import { Recorder } from './actors/recorder.ts';
import { ClientRegistry } from './actors/registry.ts';
import { registryStates } from './actors/registry-states.ts';
import type { SelectionPolicy } from './actors/selector.actor.ts';
import { Timeline } from './actors/timeline.ts';
import { inlineFoldPool } from './aggregator/inline-pool.ts';
import { Aggregation } from './aggregator/service.ts';
import type { AggregatorCallbacks, UploadGate } from './domain/aggregation.ts';
import { type Clock, steadyMs, systemClock } from './domain/clock.ts';
import { ChorusError, fromRefusal } from './domain/errors.ts';
import type { Evaluate } from './domain/evaluate.ts';
import { judgeProblem } from './domain/evaluation.ts';
import type { Durability, Entry } from './domain/facts.ts';
import type { CoordinatorHandle } from './domain/handle.ts';
import type { HttpSettings, ListenAt } from './domain/http.ts';
import { fromConfiguration } from './domain/operations.ts';
import type { Plan } from './domain/plan.ts';
import { type RandomStream, secureRandom, seededRandom, uuidsFrom } from './domain/random.ts';
import type { Run } from './domain/run.ts';
import { isOwnStrategy, type OwnStrategies, ownStrategyPrefix } from './domain/strategy-choice.ts';
import { History } from './history/history.ts';
import { type GivenStrategies, ownRunner, readOwnStrategies } from './own-strategies.ts';
import { openClientKey } from './storage/client-key.ts';
import type { Disk } from './storage/disk.ts';
import { factsFromBefore, oldestFact } from './storage/journal-past.ts';
import { adoptOlderModels, openStores, tidyUpdates } from './stores.ts';
import { readRunPlan } from './strategies/of-plan.ts';
import { StrategyUnusable } from './strategies/own-strategy.ts';
import { packageVersion } from './version.ts';

export interface CoreOptions {
  /** Settings of the run; what is left out takes its default. See `planSettings`. */
  plan?: Partial<Plan>;
  /**
   * `memory`: nothing outlives the process. `dir`: what happened, models and accepted updates are kept in this folder, and
   * a later process goes on where this one ended. `disk`: the same on a disk of one's own, with the aggregator inline.
   * One server at a time may use a folder. @default 'memory'
   */
  storage?: 'memory' | { dir: string } | { disk: Disk };
  /**
   * What a crash may cost. `update`: an update answered `accepted` counts after it. `round`: nothing about a round is on
   * the disk until it commits; a crash retries it. @default 'update'
   */
  durability?: Durability;
  /**
   * What survives a loss of power. `always`: every update that was answered `accepted`. `commit`: all that was committed;
   * the end of the process alone still loses nothing. @default 'always'
   */
  fsync?: 'always' | 'commit';
  /** Whether the updates of committed rounds are kept, so that `chorus verify` can make the models again. @default false */
  keepUpdates?: boolean;
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
  /** How a cohort is chosen, whatever the plan's `selection` says; its filter holds. @default as the plan says */
  policy?: SelectionPolicy;
  /**
   * Measures models when the plan says `evaluateBy: server` or `both`: the path of an ES module that exports
   * `evaluate({ tensors, metadata, version })` and runs on a thread of its own, or a function that runs in this one. The
   * module has all the rights of this process. @default none
   */
  evaluator?: string | Evaluate;
  /**
   * Strategies of one's own, by name: a plan chooses one as `module:NAME`. Each is the path of an ES module whose default
   * export is an `OwnStrategy`, and which runs on threads of its own, with all the rights of this process; or, with
   * `aggregator: 'inline'`, the strategy itself. @default none
   */
  strategies?: GivenStrategies;
  /** Key of the clients' tokens, ≥ 32 bytes. @default the one kept in the folder, or random */
  clientKey?: Uint8Array;
  /**
   * The disk does not keep what it is given, so that nothing can be promised any more: the process should end.
   * @default throws outside of any call, which ends it
   */
  onFatal?: (error: unknown) => void;
  /** Told of what was found on the disk and mended, a sentence each. @default nobody */
  onNote?: (sentence: string) => void;
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

const clientKeyBytes = 32;

/** An error that nobody can catch ends the process. */
const endProcess = (error: unknown): void => {
  setImmediate(() => {
    throw error;
  });
};

/** What is in this thread cannot be asked by another. @throws {StrategyUnusable} */
function mustBeModules(strategies: OwnStrategies): void {
  for (const [name, { url }] of strategies) {
    if (url !== null) continue;
    throw new StrategyUnusable(
      `The strategy "${name}" is an object; give the path of a module, or aggregator: 'inline'`,
    );
  }
}

/** A run that goes on needs the strategy that it began with. @throws {StrategyUnusable} */
function mustHaveStrategy({ plan: { strategy } }: Run, strategies: OwnStrategies): void {
  if (!isOwnStrategy(strategy) || strategies.has(strategy)) return;
  throw new StrategyUnusable(
    `The run of this folder goes on by the strategy "${strategy}", which the server was not given; start it with --strategy-module ${strategy.slice(ownStrategyPrefix.length)}=FILE`,
  );
}

const olderFacts = (disk: Disk): OlderFacts => ({
  oldest: () => oldestFact(disk),
  fromBefore: (seq) => factsFromBefore(disk, seq),
});

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
 * Builds the whole system in this process, without opening a port. What an earlier process left in the folder is gone on
 * with: its run, its clients, and the open round with all that it had accepted.
 * @throws {ChorusError} PLAN_INVALID, with a sentence for each setting that is wrong.
 * @throws {JournalDamaged} the folder does not hold what was written to it.
 * @throws {EvaluatorUnusable} the evaluator's module cannot be loaded, or exports no `evaluate`.
 * @throws {StrategyUnusable} a strategy of one's own cannot be loaded, is none, or is missing.
 */
export async function createCore(options: CoreOptions = {}): Promise<Core> {
  const { strategies: given = {} } = options;
  const strategies = await readOwnStrategies(given);
  const { plan, problems } = readRunPlan(options.plan ?? {}, {}, strategies);
  if (problems.length > 0) throw new ChorusError('PLAN_INVALID', problems.map(({ message }) => message).join(' '));
  const {
    storage = 'memory',
    durability = 'update',
    fsync = 'always',
    keepUpdates = false,
    aggregator: place = 'thread',
    autoStart = true,
    clientsMax = 1_000_000,
    stagingBytesMax = 2 ** 30,
    foldThreads = availableParallelism(),
    policy = null,
    evaluator,
    clientKey,
    onCrash = (error: unknown) => console.error(error),
    onFatal = endProcess,
    onNote = () => undefined,
    clock = systemClock,
    random = secureRandom(),
    entropy = secureRandom(),
    http = {},
    preloadHttp = false,
    aggregatorUrl,
    inspect,
  } = options;
  if (place === 'thread') mustBeModules(strategies);
  const unjudged = judgeProblem(plan, evaluator !== undefined);
  if (unjudged !== null) throw new ChorusError('PLAN_INVALID', unjudged);
  const keeping = { durability, fsync, keep: keepUpdates };
  const stores = await openStores(storage, { ...keeping, isInline: place === 'inline', onNote });
  const registry = new ClientRegistry({
    clientsMax,
    heartbeatTimeoutMs: plan.heartbeatTimeoutMs,
    random: entropy,
    nowMs: steadyMs(clock),
  });
  const history = new History(registryStates(registry, () => steadyMs(clock)));
  const timeline = new Timeline();
  const happened = (entry: Entry): void => {
    history.apply(entry);
    timeline.add(entry);
  };
  for await (const entry of stores.journal.entries()) happened(entry);
  const { run: earlierRun } = history;
  const isOver = history.position.state === 'stopped' || history.position.state === 'finished';
  if (earlierRun && !isOver) mustHaveStrategy(earlierRun, strategies);
  await adoptOlderModels(stores, history.models, happened, clock.now());
  const judge = evaluator === undefined ? null : await createJudge(evaluator);

  let gate: UploadGate | null = null;
  const connect: (callbacks: AggregatorCallbacks) => Promise<ServiceLink> =
    place === 'thread'
      ? threadLink({ stagingBytesMax, foldThreads, http, preloadHttp, updates: stores.updatesAt })
      : inlineLink(async (callbacks) => {
          const updates = (await stores.updates?.()) ?? null;
          const service = new Aggregation({
            clock,
            pool: inlineFoldPool,
            callbacks,
            stagingBytesMax,
            memory: 'plain',
            updates,
            ownStrategies: ownRunner(given, foldThreads),
          });
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
      updatesLost: (detail) => coordinator.updatesLost(detail),
    },
    contributions: () => coordinator.stagedContributions(),
    onCrash,
    ...(inspect ? { inspect } : {}),
  });
  const recorder = new Recorder({
    ...{ history, clock, durability, onFatal, onCrash, onNote },
    journal: stores.journal,
    syncsAnswers: storage !== 'memory' && fsync === 'always',
    onFact: (entry) => timeline.add(entry),
  });
  const makeKey = () => randomBytes(clientKeyBytes);
  const tokens = createClientTokens(clientKey ?? (stores.disk ? await openClientKey(stores.disk, makeKey) : makeKey()));
  const coordinator: Coordinator = new Coordinator({
    ...{ clock, random, aggregator, policy, strategies, judge, registry, history, recorder, tokens, onCrash },
    uuid: uuidsFrom(entropy),
    models: stores.models,
    version: packageVersion(),
    ...(inspect ? { inspect } : {}),
  });

  await tidyUpdates(stores, history, onNote);
  // An attempt that is not gone on with is over by now; of one that is, only some are out.
  const { rounds, open, carried } = history;
  const outOfOpen = open ? [{ ...open.record, cohort: open.record.exclusions.map(({ clientId }) => clientId) }] : [];
  const past = pastCredentials([...rounds, ...outOfOpen], tokens, carried);
  aggregator.recallPast(past, (earlierRun?.plan ?? plan).payloadBytesMax);

  let isDraining = false;
  const longTimeline = new LongTimeline({ recent: timeline, older: stores.disk && olderFacts(stores.disk) });
  const handle = createHandle({
    coordinator,
    aggregator,
    clock,
    pacing: seededRandom(entropy.uint32()),
    tokens,
    defaults: plan,
    strategies,
    aggregatorUrl: () => aggregatorUrl ?? aggregator.url,
    isDraining: () => isDraining,
    timeline: longTimeline,
    recorder,
    hasEvaluator: judge !== null,
  });

  aggregator.start();
  coordinator.start();
  const refusal = await aggregator.ready();
  if (refusal) throw fromRefusal(refusal);
  // Before a port is open, so that no client comes too early.
  await coordinator.resumed();
  if (autoStart && !earlierRun) handle.startRun({}, fromConfiguration);

  let closing: Promise<void> | null = null;
  async function shutDown(graceMs: number): Promise<void> {
    isDraining = true;
    coordinator.polls.release();
    longTimeline.close();
    await aggregator.drain(graceMs);
    coordinator.stop();
    await aggregator.close();
    await judge?.close();
    await recorder.close();
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
