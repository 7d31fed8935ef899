import type { Clock } from '../domain/clock.ts';
import { ChorusError } from '../domain/errors.ts';
import type { Fact } from '../domain/facts.ts';
import { messageOf } from '../domain/words.ts';
import type { Journal } from '../storage/journal.ts';

/** Facts that could not be written yet and wait for the disk; with more the server ends. */
const backlogMax = 10_000;
/** How soon the disk is tried again, ms. */
const retryMs = 1_000;
/** When a client shall come back whose request could not be recorded, ms. */
const retryAfterMs = 5_000;

export interface PatientJournalDeps {
  journal: Journal;
  clock: Clock;
  /** The disk does not keep what it is given: nothing can be promised any more, and the process must end. */
  onFatal: (error: unknown) => void;
  /** Told what an operator should know, a sentence each. */
  onNote: (sentence: string) => void;
}

/** Facts that come to the disk in one append. */
interface Group {
  facts: readonly Fact[];
  atMs: number;
}

/** The journal on a disk that may be full for a while: what must be written waits for it, in order and bounded. */
export class PatientJournal {
  readonly #deps: PatientJournalDeps;
  /** In the order in which they happened. */
  readonly #backlog: Group[] = [];
  /** Facts in it. */
  #waiting = 0;
  #retryTimer: unknown = null;
  #isOver = false;
  /** When the disk last took nothing, by the clock, and why; it is left alone for a while. */
  #failure: { atMs: number; error: unknown } | null = null;

  constructor(deps: PatientJournalDeps) {
    this.#deps = deps;
  }

  /** Facts that wait for the disk. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Why the disk takes nothing, as far as is known; null: it does. */
  get trouble(): string | null {
    if (this.#failure === null) return null;
    const { atMs, error } = this.#failure;
    // Those who are refused come back after so long, and try it again.
    const isRecent = Math.abs(this.#deps.clock.now() - atMs) < retryAfterMs;
    return this.#waiting > 0 || isRecent ? messageOf(error) : null;
  }

  /** For what can be refused, though what it leads to is noted. @throws STORAGE_UNAVAILABLE: that would have to wait. */
  assertWritable(): void {
    if (this.#failure === null) return;
    if (this.#waiting > 0 || this.#isLeftAlone(this.#deps.clock.now())) throw unavailable(this.#failure.error);
  }

  /** At once, after what waits, or not at all. @throws STORAGE_UNAVAILABLE: it was not written */
  must(facts: readonly Fact[], atMs: number): void {
    if (this.#failure && this.#isLeftAlone(atMs)) throw unavailable(this.#failure.error);
    try {
      this.#writeBacklog();
      this.#deps.journal.append(facts, atMs);
      this.#failure = null;
    } catch (cause) {
      if (!isOfDisk(cause)) throw cause;
      this.#noteFailure({ atMs, error: cause });
      throw unavailable(cause);
    }
  }

  /** At once, or as soon as the disk takes it. */
  write(facts: readonly Fact[], atMs: number): void {
    const group = { facts, atMs };
    if (this.#failure && this.#isLeftAlone(atMs)) {
      this.#keep(group, this.#failure.error);
      return;
    }
    try {
      this.#writeBacklog();
      this.#deps.journal.append(facts, atMs);
      this.#failure = null;
    } catch (error) {
      this.#noteFailure({ atMs, error });
      this.#keep(group, error);
    }
  }

  /** The process ends. Facts that the disk does not take even now are lost, as in a crash. */
  async close(): Promise<void> {
    this.#isOver = true;
    this.#deps.clock.clearTimeout(this.#retryTimer);
    try {
      this.#writeBacklog();
    } catch {
      // Whoever runs the server has been told that the disk takes nothing.
    }
    await this.#deps.journal.close();
  }

  /** Each try on a full disk costs a sync; neither a flood of requests nor of facts must pay that each time. */
  #isLeftAlone(atMs: number): boolean {
    return this.#failure !== null && Math.abs(atMs - this.#failure.atMs) < retryMs;
  }

  #noteFailure(failure: { atMs: number; error: unknown }): void {
    this.#failure = failure;
    this.endIfUnsound(failure.error);
  }

  /** A write syncs what must come before it. When that failed, to try again would be in vain for ever. */
  endIfUnsound(error: unknown): void {
    if (!this.#deps.journal.isSound) this.#deps.onFatal(error);
  }

  #writeBacklog(): void {
    for (let next = this.#backlog[0]; next; next = this.#backlog[0]) {
      this.#deps.journal.append(next.facts, next.atMs);
      this.#backlog.shift();
      this.#waiting -= next.facts.length;
    }
  }

  #keep(group: Group, error: unknown): void {
    const { onFatal, onNote } = this.#deps;
    if (this.#waiting === 0) onNote(`The data folder cannot be written to; it is tried again: ${messageOf(error)}`);
    this.#backlog.push(group);
    this.#waiting += group.facts.length;
    if (!isOfDisk(error) || this.#waiting > backlogMax) onFatal(error);
    else this.#retryLater();
  }

  #retryLater(): void {
    if (this.#isOver) return;
    this.#retryTimer ??= this.#deps.clock.setTimeout(() => {
      this.#retryTimer = null;
      try {
        this.#writeBacklog();
        this.#failure = null;
        this.#deps.onNote('The data folder can be written to again; nothing was lost');
      } catch (error) {
        this.endIfUnsound(error);
        this.#retryLater();
      }
    }, retryMs);
  }
}

/** System errors have a code: the disk is full, or read-only. Anything else is a defect, and waiting does not mend it. */
const isOfDisk = (error: unknown): boolean => error instanceof Error && 'code' in error;

export const unavailable = (cause: unknown): ChorusError =>
  new ChorusError('STORAGE_UNAVAILABLE', `The server cannot write to its data folder: ${messageOf(cause)}`, {
    retryAfterMs,
    cause,
  });
