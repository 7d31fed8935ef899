import { type Core, type CoreOptions, createCore } from '../../core.ts';
import type { UploadGate } from '../../domain/aggregation.ts';
import type { Clock } from '../../domain/clock.ts';
import type { ChorusEvent, CoordinatorHandle } from '../../domain/handle.ts';
import { seededRandom } from '../../domain/random.ts';
import type { CrashKind, SimulatedDisk } from './disk.ts';
import type { Scheduled } from './scheduler.ts';
import type { World } from './world.ts';

/** When simulated time begins: 2020-01-01, so that times are recognised as such. */
const startAtMs = Date.UTC(2020, 0, 1);

/** How long a process that ended stays away on average, ms. */
const downMsMean = 1_500;

/** A call that waits for its answer. */
export interface OpenCall {
  readonly what: string;
  /** When it must have settled, simulated ms. */
  readonly dueAtMs: number;
  /** The process, or the aggregator, is gone, and the connection with it. */
  breakOff(): void;
}

/** One life of the process: from its start to its crash. What it started dies with it. */
export interface Life {
  readonly number: number;
  isDead: boolean;
  readonly openCalls: Set<OpenCall>;
}

/** A life that has come up. */
export interface LiveServer extends Life {
  readonly core: Core;
  readonly handle: CoordinatorHandle;
}

export interface ServerHooks {
  /** Something happened in the process. */
  onEvent(event: ChorusEvent): void;
  /** The process is up, for the first time or again; nothing of it was heard yet. */
  onUp(live: LiveServer): void;
  /** The wall clock was set. */
  onClockSet(): void;
  /** The process has ended. */
  onDown(kind: CrashKind): void;
  /** A defect came to light. */
  onThrow(error: unknown): void;
}

/** The process that is simulated: the real system, on simulated time, with seeded chance. */
export class Server {
  readonly #world: World;
  readonly #options: CoreOptions;
  readonly #disk: SimulatedDisk | null;
  readonly #hooks: ServerHooks;
  #life: Life | null = null;
  #live: LiveServer | null = null;
  #lives = 0;
  /** How far the wall clock is ahead of simulated time. */
  #wallAheadMs = 0;

  /** @param disk null: nothing outlives the process, so that it must not end. */
  constructor(world: World, options: CoreOptions, disk: SimulatedDisk | null, hooks: ServerHooks) {
    this.#world = world;
    this.#options = options;
    this.#disk = disk;
    this.#hooks = hooks;
  }

  /** The process, when it is up. */
  get live(): LiveServer | null {
    return this.#live;
  }

  /** How often it was started. */
  get lives(): number {
    return this.#lives;
  }

  /** The server's wall clock, Unix ms. */
  get wallMs(): number {
    return Math.floor(startAtMs + this.#world.nowMs + this.#wallAheadMs);
  }

  /** Someone sets the wall clock; timers do not notice. */
  stepWallClock(byMs: number): void {
    this.#wallAheadMs += byMs;
    this.#hooks.onClockSet();
  }

  start(): void {
    this.#lives += 1;
    const life: Life = { number: this.#lives, isDead: false, openCalls: new Set() };
    this.#life = life;
    this.#world.touch();
    const { seed } = this.#world;
    const disk = this.#disk?.faceFor({
      get isDead() {
        return life.isDead;
      },
      crash: (kind) => this.crash(kind),
    });
    createCore({
      ...this.#options,
      ...(disk ? { storage: { disk } } : { storage: 'memory' }),
      aggregator: 'inline',
      clock: this.#clockOf(life),
      random: seededRandom(seed + life.number * 7_919),
      entropy: seededRandom((seed ^ 0x5eed) + life.number * 104_729),
      onCrash: (error) => {
        if (!life.isDead) this.#hooks.onThrow(error);
      },
      onFatal: (error) => {
        this.#world.note('server', `gives up: ${String(error)}`);
        if (!life.isDead) this.crash('killed');
      },
      onNote: (sentence) => this.#world.note('server', sentence),
    }).then(
      (core) => {
        if (!life.isDead) this.#up(Object.assign(life, { core, handle: core.handle }));
      },
      (error: unknown) => {
        if (!life.isDead) this.#cannotStart(error);
      },
    );
  }

  /** The process ends, now, and is started again after a while. */
  crash(kind: CrashKind): void {
    const life = this.#life;
    if (!this.#disk || !life || life.isDead) return;
    this.#world.note('fault', kind === 'killed' ? 'the process is killed' : 'the machine loses power');
    life.isDead = true;
    this.#live = null;
    if (kind === 'power') this.#disk.losePower();
    for (const call of [...life.openCalls]) call.breakOff();
    this.#hooks.onDown(kind);
    this.#world.scheduler.after(this.#world.chance('downtime').around(downMsMean), () => this.start());
  }

  /** The aggregator dies; whoever was connected to it notices. */
  killAggregator(): void {
    const live = this.#live;
    if (!live) return;
    this.#world.touch();
    live.core.killAggregator();
    for (const call of [...live.openCalls]) if (call.what.startsWith('upload')) call.breakOff();
  }

  /** A disk that takes nothing, or fails, may keep it from coming up: then it is tried again. */
  #cannotStart(error: unknown): void {
    if (isOfDisk(error)) this.crash('killed');
    else this.#hooks.onThrow(error);
  }

  #up(live: LiveServer): void {
    this.#live = live;
    this.#world.note('server', `is up, life ${live.number}`);
    this.#hooks.onUp(live);
    live.handle.events.subscribe(
      (event) => {
        if (!live.isDead) this.#hooks.onEvent(event);
      },
      { afterId: 0 },
    );
  }

  #clockOf(life: Life): Clock {
    const { scheduler } = this.#world;
    return {
      now: () => this.wallMs,
      steadyMs: () => this.#world.nowMs,
      setTimeout: (callback, delayMs): Scheduled =>
        // As in Node: whole milliseconds, and not less than one.
        scheduler.after(Math.max(1, Math.trunc(delayMs)), () => {
          if (life.isDead) return;
          this.#world.touch();
          try {
            callback();
          } catch (error) {
            this.#hooks.onThrow(error);
          }
        }),
      clearTimeout: (timer: Scheduled | null | undefined) => {
        if (timer) timer.act = null;
      },
    };
  }
}

/** Nobody listens at the other end. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

/** The aggregator's face. @throws Unreachable, while it is down. */
export function gateOf({ core }: LiveServer): UploadGate {
  const { gate } = core;
  if (!gate || core.notReady() !== null) throw new Unreachable();
  return gate;
}

const diskCodes: ReadonlySet<unknown> = new Set(['ENOSPC', 'EIO']);

/** Whether the disk is the cause: it was full, or failed. */
export const isOfDisk = (error: unknown): boolean =>
  error instanceof Error && (('code' in error && diskCodes.has(error.code)) || isOfDisk(error.cause));
