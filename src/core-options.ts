import { availableParallelism } from 'node:os';
import type { InspectionEvent } from 'xstate';
import type { SelectionPolicy } from './actors/selector.actor.ts';
import { type Clock, systemClock } from './domain/clock.ts';
import type { Evaluate } from './domain/evaluate.ts';
import type { Durability } from './domain/facts.ts';
import type { HttpSettings } from './domain/http.ts';
import type { GivenPlan } from './domain/plan.ts';
import { type RandomStream, secureRandom } from './domain/random.ts';
import type { GivenStrategies } from './own-strategies.ts';
import type { Disk } from './storage/disk.ts';

export interface CoreOptions {
  /**
   * Settings of the run; what is left out takes its default. See `planSettings`. Its strategy may be the path of a module,
   * which is then given to the server like those in `strategies`, by the name of its file.
   */
  plan?: GivenPlan;
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

/** An error that nobody can catch ends the process. */
const endProcess = (error: unknown): void => {
  setImmediate(() => {
    throw error;
  });
};

/** The options that say how a server is built, with their defaults. */
export function withDefaults({
  storage = 'memory',
  durability = 'update',
  fsync = 'always',
  keepUpdates = false,
  aggregator = 'thread',
  autoStart = true,
  clientsMax = 1_000_000,
  stagingBytesMax = 2 ** 30,
  foldThreads = availableParallelism(),
  policy,
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
}: CoreOptions) {
  return {
    ...{ storage, durability, fsync, keepUpdates, aggregator, autoStart, clientsMax, stagingBytesMax, foldThreads },
    ...{ onCrash, onFatal, onNote, clock, random, entropy, http, preloadHttp },
    policy: policy ?? null,
    evaluator: evaluator ?? null,
    clientKey: clientKey ?? null,
    aggregatorUrl: aggregatorUrl ?? null,
    /** To be spread: nothing is inspected where nobody looks. */
    inspecting: inspect ? { inspect } : {},
  };
}

/** How a server is to be built. */
export type CoreSettings = ReturnType<typeof withDefaults>;
