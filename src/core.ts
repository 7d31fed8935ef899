import { randomBytes } from 'node:crypto';
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
import { stagedContributions } from './actors/round-order.ts';
import { Timeline } from './actors/timeline.ts';
import { inlineFoldPool } from './aggregator/inline-pool.ts';
import { Aggregation } from './aggregator/service.ts';
import { type CoreOptions, type CoreSettings, withDefaults } from './core-options.ts';
import type { AggregatorCallbacks, UploadGate } from './domain/aggregation.ts';
import { type Clock, steadyMs } from './domain/clock.ts';
import { ChorusError, fromRefusal } from './domain/errors.ts';
import { judgeProblem } from './domain/evaluation.ts';
import type { Entry } from './domain/facts.ts';
import type { CoordinatorHandle } from './domain/handle.ts';
import type { ListenAt } from './domain/http.ts';
import { fromConfiguration } from './domain/operations.ts';
import type { Plan } from './domain/plan.ts';
import { seededRandom, uuidsFrom } from './domain/random.ts';
import type { Run } from './domain/run.ts';
import { isOwnStrategy, type OwnStrategies, ownStrategyPrefix } from './domain/strategy-choice.ts';
import { History } from './history/history.ts';
import { Opened } from './opened.ts';
import { type GivenStrategies, ownRunner, readOwnStrategies, takeStrategyPath } from './own-strategies.ts';
import { openClientKey } from './storage/client-key.ts';
import type { Disk } from './storage/disk.ts';
import { factsFromBefore, oldestFact } from './storage/journal-past.ts';
import { adoptOlderModels, openStores, type Stores, tidyUpdates } from './stores.ts';
import { readRunPlan } from './strategies/of-plan.ts';
import { StrategyUnusable } from './strategies/own-strategy.ts';
import { packageVersion } from './version.ts';

export type { CoreOptions } from './core-options.ts';

const clientKeyBytes = 32;

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
  /** Clients that come over the network can be heard of from now on; their silence counts from here. */
  countSilence(): void;
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
  const { wanted, given } = takeStrategyPath(options.plan ?? {}, options.strategies ?? {});
  const strategies = await readOwnStrategies(given);
  const { plan, problems } = readRunPlan(wanted, {}, strategies);
  if (problems.length > 0) throw new ChorusError('PLAN_INVALID', problems.map(({ message }) => message).join(' '));
  const settings = withDefaults(options);
  if (settings.aggregator === 'thread') mustBeModules(strategies);
  const unjudged = judgeProblem(plan, settings.evaluator !== null);
  if (unjudged !== null) throw new ChorusError('PLAN_INVALID', unjudged);
  const opened = new Opened();
  try {
    return await openCore({ plan, given, strategies, settings, opened });
  } catch (error) {
    // What it cannot be created for says more than what cannot be closed.
    await opened.close().catch(() => undefined);
    throw error;
  }
}

interface Wanted {
  plan: Plan;
  given: GivenStrategies;
  strategies: OwnStrategies;
  settings: CoreSettings;
  /** Told of all that is to be closed again. */
  opened: Opened;
}

async function openCore({ plan, given, strategies, settings, opened }: Wanted): Promise<Core> {
  const { clock, random, entropy, durability, policy, onCrash, onFatal, onNote, inspecting } = settings;
  const { fsync, keepUpdates: keep, storage } = settings;
  const stores = await openStores(storage, {
    ...{ durability, fsync, keep, onNote },
    isInline: settings.aggregator === 'inline',
  });
  let closeJournal = () => stores.journal.close();
  opened.add(() => closeJournal());
  const registry = new ClientRegistry({
    clientsMax: settings.clientsMax,
    heartbeatTimeoutMs: plan.heartbeatTimeoutMs,
    random: entropy,
    nowMs: steadyMs(clock),
  });
  const { history, timeline } = await readPast(stores, registry, clock);
  const { run: earlierRun } = history;
  const isOver = history.position.state === 'stopped' || history.position.state === 'finished';
  if (earlierRun && !isOver) mustHaveStrategy(earlierRun, strategies);
  const judge = settings.evaluator === null ? null : await createJudge(settings.evaluator);
  opened.add(() => judge?.close());

  const { connect, gate } = connectionTo(stores, given, settings);
  const aggregator = new AggregatorActor({
    ...{ clock, connect, onCrash, ...inspecting },
    callbacks: {
      endTraining: (report) => coordinator.training.end(report),
      uploadRefused: (report) => coordinator.training.noteRefusal(report),
      lost: (reason) => coordinator.aggregatorLost(reason),
      back: () => coordinator.aggregatorBack(),
      updatesLost: (detail) => coordinator.updatesLost(detail),
    },
    contributions: () => stagedContributions(history),
  });
  const recorder = new Recorder({
    ...{ history, clock, durability, onFatal, onCrash, onNote },
    journal: stores.journal,
    syncsAnswers: storage !== 'memory' && fsync === 'always',
    onFact: (entry) => timeline.add(entry),
  });
  closeJournal = () => recorder.close();
  const makeKey = () => randomBytes(clientKeyBytes);
  const keptKey = async () => (stores.disk ? await openClientKey(stores.disk, makeKey) : makeKey());
  const tokens = createClientTokens(settings.clientKey ?? (await keptKey()));
  const coordinator: Coordinator = new Coordinator({
    ...{ clock, random, aggregator, policy, strategies, judge, registry, history, recorder, tokens, onCrash },
    uuid: uuidsFrom(entropy),
    models: stores.models,
    version: packageVersion(),
    ...inspecting,
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
    ...{ coordinator, aggregator, clock, tokens, strategies, recorder },
    pacing: seededRandom(entropy.uint32()),
    defaults: plan,
    aggregatorUrl: () => settings.aggregatorUrl ?? aggregator.url,
    isDraining: () => isDraining,
    timeline: longTimeline,
    hasEvaluator: judge !== null,
  });

  aggregator.start();
  opened.add(() => aggregator.close());
  coordinator.start();
  opened.add(() => coordinator.stop());
  const refusal = await aggregator.ready();
  if (refusal) throw fromRefusal(refusal);
  // Before a port is open, so that no client comes too early.
  await coordinator.machines.resumed();
  coordinator.membership.countSilence();
  if (settings.autoStart && !earlierRun) handle.startRun({}, fromConfiguration);

  let closing: Promise<void> | null = null;
  async function shutDown(graceMs: number): Promise<void> {
    isDraining = true;
    coordinator.polls.release();
    longTimeline.close();
    await aggregator.drain(graceMs);
    await opened.close();
  }

  return {
    handle,
    get gate() {
      return gate();
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
    countSilence: () => coordinator.membership.countSilence(),
    close({ graceMs = 10_000 } = {}) {
      closing ??= shutDown(graceMs);
      return closing;
    },
    killAggregator: () => aggregator.kill(),
  };
}

/** What earlier processes left: the state that their facts come to, in the registry as well, and the last of the facts. */
async function readPast(
  stores: Stores,
  registry: ClientRegistry,
  clock: Clock,
): Promise<{ history: History; timeline: Timeline }> {
  const history = new History(registryStates(registry, () => steadyMs(clock)));
  const timeline = new Timeline();
  const happened = (entry: Entry): void => {
    history.apply(entry);
    timeline.add(entry);
  };
  for await (const entry of stores.journal.entries()) happened(entry);
  await adoptOlderModels(stores, history.models, happened, clock.now());
  return { history, timeline };
}

/** How the aggregator is reached, and its in-process face; null: it has none. */
function connectionTo(
  { updates, updatesAt }: Stores,
  given: GivenStrategies,
  { aggregator, stagingBytesMax, foldThreads, http, preloadHttp, clock }: CoreSettings,
): { connect: (callbacks: AggregatorCallbacks) => Promise<ServiceLink>; gate: () => UploadGate | null } {
  if (aggregator === 'thread') {
    const connect = threadLink({ stagingBytesMax, foldThreads, http, preloadHttp, updates: updatesAt });
    return { connect, gate: () => null };
  }
  let gate: UploadGate | null = null;
  const connect = inlineLink(async (callbacks) => {
    const staged = (await updates?.()) ?? null;
    const service = new Aggregation({
      ...{ clock, callbacks, stagingBytesMax, updates: staged },
      pool: inlineFoldPool,
      memory: 'plain',
      ownStrategies: ownRunner(given, foldThreads),
    });
    gate = service;
    return service;
  });
  return { connect, gate: () => gate };
}
