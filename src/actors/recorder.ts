import { type Clock, steadyMs } from '../domain/clock.ts';
import { ChorusError } from '../domain/errors.ts';
import type { Durability, Entry, Fact } from '../domain/facts.ts';
import type { JournalNumbers } from '../domain/metrics-snapshot.ts';
import { messageOf } from '../domain/words.ts';
import type { History } from '../history/history.ts';
import { HistoryBroken } from '../history/history-broken.ts';
import type { Journal } from '../storage/journal.ts';
import { PatientJournal, unavailable } from './patient-journal.ts';
import { ToldFacts } from './told-facts.ts';

/** Facts after which a checkpoint is due, between two rounds: a restart reads no more than about so many. */
const factsPerCheckpoint = 500_000;

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

/**
 * The one way in which anything changes: a fact that the history can take is written to the journal, then applied to it,
 * then heard of. What can be refused is refused when it cannot be written; what has happened anyhow waits, in order and
 * bounded. What the history cannot take reaches neither: written, it would keep the next process from starting.
 */
export class Recorder {
  readonly #deps: RecorderDeps;
  readonly #journal: PatientJournal;
  readonly #told: ToldFacts;
  /** What `together` has not written yet. */
  #held: { facts: Fact[]; atMs: number } | null = null;
  readonly #onceWritten: (() => void)[] = [];
  readonly #counts = { factsTotal: 0, syncsTotal: 0, syncMsTotal: 0 };
  #checkpointSeq: number;
  /** Of the next fact to be written; a journal that keeps nothing counts none. */
  #nextSeq: number;

  constructor(deps: RecorderDeps) {
    this.#deps = deps;
    this.#journal = new PatientJournal(deps);
    this.#told = new ToldFacts(deps.durability, deps.history.open !== null);
    this.#nextSeq = deps.journal.seq + 1;
    this.#checkpointSeq = deps.history.checkpointSeq;
  }

  get durability(): Durability {
    return this.#deps.durability;
  }

  /** For Prometheus. */
  get numbers(): JournalNumbers {
    return { ...this.#counts, backlog: this.#journal.waiting };
  }

  /** Why the disk takes nothing, as far as is known; null: it does. */
  get trouble(): string | null {
    return this.#journal.trouble;
  }

  /** For what can be refused, though what it leads to is noted. @throws STORAGE_UNAVAILABLE: that would have to wait. */
  assertWritable(): void {
    this.#journal.assertWritable();
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
    const written = facts.flatMap((one) => this.#told.of(one));
    if (written.length > 0) {
      this.#journal.must(written, atMs);
      this.#tell(written, atMs);
    }
    for (const one of facts) this.#apply(one, atMs);
  }

  /** Records what has happened, whatever the disk says. @throws INTERNAL: it cannot have happened, and nothing has changed. */
  note(fact: Fact): void {
    this.#assertPossible(fact);
    const written = this.#told.of(fact);
    if (this.#held) {
      this.#held.facts.push(...written);
      this.#apply(fact, this.#held.atMs);
      return;
    }
    const atMs = this.#deps.clock.now();
    this.#write(written, atMs);
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
   * Does what must not come before that which was noted is synced: it removes what would be missed if that were lost with
   * the machine's power.
   */
  onceSynced(act: () => void): void {
    this.onceWritten(() => {
      this.#syncNow();
      act();
    });
  }

  /**
   * Records a commit: synced before it returns, so that nothing comes between. @throws STORAGE_UNAVAILABLE: it was not
   * written, and nothing has changed.
   */
  commit(fact: Fact): void {
    this.must(fact);
    this.#syncNow();
  }

  #syncNow(): void {
    const { journal, clock, onFatal } = this.#deps;
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
    if (journal.seq - this.#checkpointSeq < factsPerCheckpoint || this.#journal.waiting > 0 || this.#held) return;
    this.#checkpointSeq = journal.seq;
    try {
      const fact = { type: 'checkpoint', state: history.checkpoint() } as const;
      journal.append([fact], clock.now());
      this.#tell([fact], clock.now());
    } catch (error) {
      this.#journal.endIfUnsound(error);
      this.#deps.onNote(`No checkpoint could be written: ${messageOf(error)}`);
    }
  }

  /** The process ends. Facts that the disk does not take even now are lost, as in a crash. */
  close(): Promise<void> {
    return this.#journal.close();
  }

  #assertPossible(fact: Fact): void {
    const problem = this.#deps.history.problemOf(fact);
    if (problem === null) return;
    const cause = new HistoryBroken(`A fact of type ${fact.type} cannot have happened: ${problem}`);
    this.#deps.onCrash(cause);
    throw new ChorusError('INTERNAL', undefined, { cause });
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

  #release(): void {
    if (!this.#held) return;
    const { facts, atMs } = this.#held;
    this.#held.facts = [];
    this.#write(facts, atMs);
  }

  #write(facts: readonly Fact[], atMs: number): void {
    if (facts.length === 0) return;
    this.#journal.write(facts, atMs);
    this.#tell(facts, atMs);
  }
}

/** For what the machines have decided: they go on though a fact is refused, of which the recorder has told. */
export function unlessRefused(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof ChorusError) || error.code !== 'INTERNAL') throw error;
  }
}
