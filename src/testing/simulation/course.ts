import { isLater, type Progress } from './attempts.ts';
import type { World } from './world.ts';

/** What the server says when a phase begins. */
export interface PhaseNews {
  run: string | null;
  runState: string;
  round: number;
  attempt: number;
  phase: string;
}

const openPhases: ReadonlySet<string> = new Set(['selecting', 'training', 'aggregating', 'committing']);

/** The course of a run, as it is heard: run, round and attempt never go back, and no attempt stays open for too long. */
export class Course {
  readonly #world: World;
  readonly #attemptMsMax: number;
  /** Where the protocol stands, as far as it was ever heard. */
  #progress: Progress | null = null;
  #openedAtMs: number | null = null;
  /** The attempt that a crash cut short for good. */
  #cutShort: Progress | null = null;

  /** @param attemptMsMax longest an attempt may last, simulated ms */
  constructor(world: World, attemptMsMax: number) {
    this.#world = world;
    this.#attemptMsMax = attemptMsMax;
  }

  note({ run, runState, round, attempt, phase }: PhaseNews): void {
    // A run that is over names its last round, and a first attempt at nothing.
    if (run === null || runState === 'finished') return;
    const now = { run, round, attempt };
    const before = this.#progress;
    if (before && before.run === run && isLater(before, now)) {
      this.#failBack(
        `round ${before.round}, attempt ${before.attempt} was followed by round ${round}, attempt ${attempt}`,
      );
    }
    if (openPhases.has(phase)) {
      this.#openedAtMs ??= this.#world.nowMs;
      const cutShort = this.#cutShort;
      this.#cutShort = null;
      if (cutShort && !isLater(now, cutShort)) {
        this.#failBack(`attempt ${attempt} at round ${round} was cut short by a crash, and comes again`);
      }
    }
    this.#progress = now;
  }

  /** The open attempt is over. */
  ended(): void {
    this.#openedAtMs = null;
  }

  /**
   * The process has ended.
   * @param isForgotten what was not synced may be done again, another way @param isOver the open attempt does not go on
   */
  down({ isForgotten, isOver }: { isForgotten: boolean; isOver: boolean }): void {
    // It must not be taken for the next one.
    if (this.#openedAtMs !== null && isOver) this.#cutShort = this.#progress;
    this.#openedAtMs = null;
    if (!isForgotten) return;
    this.#cutShort = null;
    // What was committed may not be done again.
    this.#progress = null;
  }

  /** @param waiting what the run waits for, in words */
  check(waiting: () => string): void {
    if (this.#openedAtMs === null || this.#world.nowMs <= this.#openedAtMs + this.#attemptMsMax) return;
    this.#openedAtMs = null;
    const sentence = `an attempt is open for more than ${this.#attemptMsMax} ms: ${waiting()}`;
    this.#world.violate({ invariant: 'rounds end', sentence });
  }

  #failBack(sentence: string): void {
    this.#world.violate({ invariant: 'nothing goes back', sentence });
  }
}
