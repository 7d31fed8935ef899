import { type Clock, steadyMs } from '../domain/clock.ts';
import { ChorusError } from '../domain/errors.ts';
import type { Durability, Entry, Fact } from '../domain/facts.ts';
import type { JournalNumbers } from '../domain/handle.ts';
import type { History } from '../history/history.ts';
import type { Journal } from '../storage/journal.ts';

/** Facts that could not be written yet and wait for the disk; one more ends the server. */
const backlogMax = 10_000;
/** Facts after which a checkpoint is due, between two rounds: a restart reads no more than about so many. */
const factsPerCheckpoint = 500_000;
/** How soon the disk is tried again, ms. */
const retryMs = 1_000;
/** When a client shall come back whose request could not be recorded, ms. */
const retryAfterMs = 5_000;

/** What concerns an open round; with durability `round` none of it is on the disk before the commit. */
const ofRound: ReadonlySet<Fact['type']> = new Set<Fact['type']>([
  'round.opened',
  'clients.selected',
  'training.started',
  'update.accepted',
  'result.accepted',
  'training.failed',
  'client.evicted',
  'clients.dismissed',
  'client.evicted',
  'client.readmitted',
  'quorum.lowered',
  'round.abandoned',
]);

export interface RecorderDeps {
  journal: Journal;
  history: History;
  clock: Clock;
  durability: Durability;
  /** Whether an answer waits until what it tells is synced. */
  syncsAnswers: boolean;
  /** The disk does not keep what it is given: nothing can be promised any more, and the process must end. */
  onFatal: (error: unknown) => void;
  /** Told of each fact that is written, or waits for it, under the number it has in the journal. */
  onFact?: (entry: Entry) => void;
  /** Told what an operator should know, a sentence each. */
  onNote: (sentence: string) => void;
}

/**
 * The one way in which anything changes: a fact is written to the journal, then applied to the history, then heard of.
 * What can be refused is refused when it cannot be written; what has happened anyhow waits, in order and bounded.
 */
export class Recorder {
  readonly #deps: RecorderDeps;
  /** In the order in which they happened. */
  readonly #backlog: { fact: Fact; atMs: number }[] = [];
  readonly #counts = { factsTotal: 0, syncsTotal: 0, syncMsTotal: 0 };
  #retryTimer: unknown = null;
  #isOver = false;
  /** When the disk last took nothing, by the clock; it is left alone for a while. */
  #failedAtMs = Number.NEGATIVE_INFINITY;
  #checkpointSeq: number;
  /** Of the next fact to be written; a journal that keeps nothing counts none. */
  #nextSeq: number;
  /** The journal has an attempt of an earlier process, which kept more of it: how it ends is written as well. */
  #roundIsKnown: boolean;

  constructor(deps: RecorderDeps) {
    this.#deps = deps;
    this.#nextSeq = deps.journal.seq + 1;
    this.#roundIsKnown = deps.history.open !== null;
    this.#checkpointSeq = deps.history.checkpointSeq;
  }

  get durability(): Durability {
    return this.#deps.durability;
  }

  /** For Prometheus. */
  get numbers(): JournalNumbers {
    return { ...this.#counts, backlog: this.#backlog.length };
  }

  /** Records what may still be refused. @throws STORAGE_UNAVAILABLE: it was not written, and nothing has changed. */
  must(fact: Fact): void {
    const atMs = this.#deps.clock.now();
    if (this.#isWritten(fact)) {
      // Each try on a full disk costs a sync; a flood of requests must not pay that each time.
      if (Math.abs(atMs - this.#failedAtMs) < retryMs) throw unavailable('it was full or broken a moment ago');
      try {
        this.#writeBacklog();
        this.#deps.journal.append([fact], atMs);
      } catch (cause) {
        if (!isOfDisk(cause)) throw cause;
        this.#failedAtMs = atMs;
        throw unavailable(cause);
      }
      this.#tell(fact, atMs);
    }
    this.#apply(fact, atMs);
  }

  /** Records what has happened, whatever the disk says. */
  note(...facts: readonly Fact[]): void {
    const atMs = this.#deps.clock.now();
    const written = facts.filter((fact) => this.#isWritten(fact));
    if (written.length > 0) {
      try {
        this.#writeBacklog();
        this.#deps.journal.append(written, atMs);
      } catch (error) {
        this.#keep(written, atMs, error);
      }
      for (const fact of written) this.#tell(fact, atMs);
    }
    for (const fact of facts) this.#apply(fact, atMs);
  }

  /**
   * Records a commit: synced before it returns, so that nothing comes between. @throws STORAGE_UNAVAILABLE: it was not
   * written, and nothing has changed.
   */
  commit(fact: Fact): void {
    const { journal, clock, onFatal } = this.#deps;
    this.must(fact);
    const beganAtMs = steadyMs(clock);
    try {
      journal.syncNow();
    } catch (error) {
      onFatal(error);
    }
    this.#noteSync(steadyMs(clock) - beganAtMs);
  }

  /** Settles when what was recorded so far may be told to others. */
  async settled(): Promise<void> {
    const { journal, clock, syncsAnswers, onFatal } = this.#deps;
    if (!syncsAnswers) return;
    const beganAtMs = steadyMs(clock);
    try {
      await journal.synced();
      this.#noteSync(steadyMs(clock) - beganAtMs);
    } catch (error) {
      onFatal(error);
      throw unavailable(error);
    }
  }

  /** Between two rounds. Without one, only a restart takes longer, so a disk that is full now is no harm. */
  checkpointWhenDue(): void {
    const { journal, history, clock } = this.#deps;
    if (journal.seq - this.#checkpointSeq < factsPerCheckpoint || this.#backlog.length > 0) return;
    this.#checkpointSeq = journal.seq;
    try {
      const fact = { type: 'checkpoint', state: history.checkpoint() } as const;
      journal.append([fact], clock.now());
      this.#tell(fact, clock.now());
    } catch (error) {
      this.#deps.onNote(`No checkpoint could be written: ${messageOf(error)}`);
    }
  }

  /** The process ends. Facts that still wait for the disk are lost, as in a crash. */
  async close(): Promise<void> {
    this.#isOver = true;
    this.#deps.clock.clearTimeout(this.#retryTimer);
    await this.#deps.journal.close();
  }

  #isWritten(fact: Fact): boolean {
    if (this.#deps.durability === 'update') return true;
    if (fact.type === 'round.abandoned' && this.#roundIsKnown) {
      this.#roundIsKnown = false;
      return true;
    }
    return !ofRound.has(fact.type) && !(fact.type === 'position' && fact.position.state === 'round');
  }

  #apply(fact: Fact, atMs: number): void {
    const { history, journal } = this.#deps;
    history.apply({ seq: journal.seq, atMs, fact });
  }

  #noteSync(ms: number): void {
    this.#counts.syncsTotal += 1;
    this.#counts.syncMsTotal += ms;
  }

  #tell(fact: Fact, atMs: number): void {
    this.#counts.factsTotal += 1;
    this.#deps.onFact?.({ seq: this.#nextSeq, atMs, fact });
    this.#nextSeq += 1;
  }

  #writeBacklog(): void {
    for (let next = this.#backlog[0]; next; next = this.#backlog[0]) {
      this.#deps.journal.append([next.fact], next.atMs);
      this.#backlog.shift();
    }
  }

  #keep(facts: readonly Fact[], atMs: number, error: unknown): void {
    const { onFatal, onNote } = this.#deps;
    if (this.#backlog.length === 0)
      onNote(`The data folder cannot be written to; it is tried again: ${messageOf(error)}`);
    for (const fact of facts) this.#backlog.push({ fact, atMs });
    if (!isOfDisk(error) || this.#backlog.length > backlogMax) onFatal(error);
    else this.#retryLater();
  }

  #retryLater(): void {
    if (this.#isOver) return;
    this.#retryTimer ??= this.#deps.clock.setTimeout(() => {
      this.#retryTimer = null;
      try {
        this.#writeBacklog();
        this.#deps.onNote('The data folder can be written to again; nothing was lost');
      } catch {
        this.#retryLater();
      }
    }, retryMs);
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** System errors have a code: the disk is full, or read-only. Anything else is a defect, and waiting does not mend it. */
const isOfDisk = (error: unknown): boolean => error instanceof Error && 'code' in error;

const unavailable = (cause: unknown): ChorusError =>
  new ChorusError('STORAGE_UNAVAILABLE', `The server cannot write to its data folder: ${messageOf(cause)}`, {
    retryAfterMs,
    cause,
  });
