import { type Clock, steadyMs } from '../domain/clock.ts';
import { ChorusError } from '../domain/errors.ts';
import type { Durability, Entry, Fact } from '../domain/facts.ts';
import type { JournalNumbers } from '../domain/handle.ts';
import type { History } from '../history/history.ts';
import { HistoryBroken } from '../history/possible.ts';
import type { Journal } from '../storage/journal.ts';

/** Facts that could not be written yet and wait for the disk; with more the server ends. */
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
  /** Told of a fact that cannot have happened, which is a defect; it is not recorded, and whoever offers it is refused. */
  onCrash: (error: unknown) => void;
  /** Told what an operator should know, a sentence each. */
  onNote: (sentence: string) => void;
}

/** Facts that come to the disk in one append. */
interface Group {
  facts: Fact[];
  atMs: number;
}

/**
 * The one way in which anything changes: a fact that the history can take is written to the journal, then applied to it,
 * then heard of. What can be refused is refused when it cannot be written; what has happened anyhow waits, in order and
 * bounded. What the history cannot take reaches neither: written, it would keep the next process from starting.
 */
export class Recorder {
  readonly #deps: RecorderDeps;
  /** In the order in which they happened. */
  readonly #backlog: Group[] = [];
  /** Facts in it. */
  #waiting = 0;
  /** What `together` has not written yet. */
  #held: Group | null = null;
  readonly #onceWritten: (() => void)[] = [];
  readonly #counts = { factsTotal: 0, syncsTotal: 0, syncMsTotal: 0 };
  #retryTimer: unknown = null;
  #isOver = false;
  /** When the disk last took nothing, by the clock, and why; it is left alone for a while. */
  #failure: { atMs: number; error: unknown } | null = null;
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
    return { ...this.#counts, backlog: this.#waiting };
  }

  /**
   * Records what may still be refused. @param operation that led to it: both are written, or neither.
   * @throws STORAGE_UNAVAILABLE, INTERNAL: it was not written, and nothing has changed.
   */
  must(fact: Fact, operation: (Fact & { type: 'operation' }) | null = null): void {
    this.#release();
    const atMs = this.#deps.clock.now();
    const facts = operation === null ? [fact] : [operation, fact];
    for (const one of facts) this.#assertPossible(one);
    const written = facts.flatMap((one) => this.#asWritten(one));
    if (written.length > 0) {
      if (this.#failure && this.#isLeftAlone(atMs)) throw unavailable(this.#failure.error);
      try {
        this.#writeBacklog();
        this.#deps.journal.append(written, atMs);
      } catch (cause) {
        if (!isOfDisk(cause)) throw cause;
        this.#noteFailure({ atMs, error: cause });
        throw unavailable(cause);
      }
      this.#tell(written, atMs);
    }
    for (const one of facts) this.#apply(one, atMs);
  }

  /** Records what has happened, whatever the disk says. @throws INTERNAL: it cannot have happened, and nothing has changed. */
  note(fact: Fact): void {
    this.#assertPossible(fact);
    const written = this.#asWritten(fact);
    if (this.#held) {
      this.#held.facts.push(...written);
      this.#apply(fact, this.#held.atMs);
      return;
    }
    const atMs = this.#deps.clock.now();
    this.#write({ facts: written, atMs });
    this.#apply(fact, atMs);
  }

  /**
   * What is noted within comes to the disk in one append, when it is over: after a crash there is all of it or nothing.
   * It is applied at once, and heard of when it is written.
   */
  together<T>(act: () => T): T {
    if (this.#held) return act();
    this.#held = { facts: [], atMs: this.#deps.clock.now() };
    try {
      return act();
    } finally {
      this.#release();
      this.#held = null;
      for (const tell of this.#onceWritten.splice(0)) tell();
    }
  }

  /** Does what must not come before that which was noted is written: at once, or at the end of `together`. */
  onceWritten(act: () => void): void {
    if (this.#held) this.#onceWritten.push(act);
    else act();
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
    if (journal.seq - this.#checkpointSeq < factsPerCheckpoint || this.#waiting > 0 || this.#held) return;
    this.#checkpointSeq = journal.seq;
    try {
      const fact = { type: 'checkpoint', state: history.checkpoint() } as const;
      journal.append([fact], clock.now());
      this.#tell([fact], clock.now());
    } catch (error) {
      this.#endIfUnsound(error);
      this.#deps.onNote(`No checkpoint could be written: ${messageOf(error)}`);
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

  #assertPossible(fact: Fact): void {
    const problem = this.#deps.history.problemOf(fact);
    if (problem === null) return;
    const cause = new HistoryBroken(`A fact of type ${fact.type} cannot have happened: ${problem}`);
    this.#deps.onCrash(cause);
    throw new ChorusError('INTERNAL', undefined, { cause });
  }

  /** @returns the fact as the journal is told it; nothing when it is not to be on the disk. */
  #asWritten(fact: Fact): [] | [Fact] {
    if (this.#deps.durability === 'update') return [fact];
    if (fact.type === 'round.abandoned' && this.#roundIsKnown) {
      this.#roundIsKnown = false;
      return [fact];
    }
    if (ofRound.has(fact.type)) return [];
    if (fact.type !== 'position' || fact.position.state !== 'round') return [fact];
    // Of an open round only that an operator wants the run to pause after it.
    if (fact.position.run?.pauseRequested !== true) return [];
    return [{ type: 'position', position: { ...fact.position, state: 'opening', round: null } }];
  }

  #apply(fact: Fact, atMs: number): void {
    const { history, journal } = this.#deps;
    history.apply({ seq: journal.seq, atMs, fact });
  }

  #noteSync(ms: number): void {
    this.#counts.syncsTotal += 1;
    this.#counts.syncMsTotal += ms;
  }

  #tell(facts: readonly Fact[], atMs: number): void {
    this.#counts.factsTotal += facts.length;
    for (const fact of facts) {
      this.#deps.onFact?.({ seq: this.#nextSeq, atMs, fact });
      this.#nextSeq += 1;
    }
  }

  /** Each try on a full disk costs a sync; neither a flood of requests nor of facts must pay that each time. */
  #isLeftAlone(atMs: number): boolean {
    return this.#failure !== null && Math.abs(atMs - this.#failure.atMs) < retryMs;
  }

  #noteFailure(failure: { atMs: number; error: unknown }): void {
    this.#failure = failure;
    this.#endIfUnsound(failure.error);
  }

  /** A write syncs what must come before it. When that failed, to try again would be in vain for ever. */
  #endIfUnsound(error: unknown): void {
    if (!this.#deps.journal.isSound) this.#deps.onFatal(error);
  }

  #release(): void {
    if (!this.#held) return;
    const { facts, atMs } = this.#held;
    this.#held.facts = [];
    this.#write({ facts, atMs });
  }

  #write(group: Group): void {
    if (group.facts.length === 0) return;
    if (this.#failure && this.#isLeftAlone(group.atMs)) this.#keep(group, this.#failure.error);
    else {
      try {
        this.#writeBacklog();
        this.#deps.journal.append(group.facts, group.atMs);
      } catch (error) {
        this.#noteFailure({ atMs: group.atMs, error });
        this.#keep(group, error);
      }
    }
    this.#tell(group.facts, group.atMs);
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
        this.#endIfUnsound(error);
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
