import type { Entry, Fact } from '../domain/facts.ts';

/**
 * The facts, in order. What `append` has taken survives the end of the process; `synced` says when it survives a loss of
 * power as well.
 */
export interface Journal {
  /**
   * Every entry since a checkpoint, the checkpoint first, or since the beginning. It is the last checkpoint, but for one
   * that found no room to begin a file: that comes among the others. To be read once, before the first `append`.
   * @throws {JournalDamaged}
   */
  entries(): AsyncIterable<Entry>;
  /**
   * Writes facts, all of them or none, before it returns. A checkpoint must be the first of its append.
   * @returns the number of the last one. @throws {FactTooLarge}
   * @throws a system error (`ENOSPC`, …) when they cannot be written; then nothing has changed, and as long as the journal
   * is sound it may be tried again.
   */
  append(facts: readonly Fact[], atMs: number): number;
  /** Settles when all that was appended before the call is synced: calls made meanwhile share one sync. @throws see `syncNow` */
  synced(): Promise<void>;
  /** Syncs before it returns. @throws a system error: what the disk holds is not known then, and the process must end. */
  syncNow(): void;
  /** Whether no sync has failed, also one that came before a write. Else nothing is taken any more, and the process must end. */
  readonly isSound: boolean;
  /** The number of the last entry; 0 before the first. */
  readonly seq: number;
  close(): Promise<void>;
}

/** The journal does not hold what was written to it. */
export class JournalDamaged extends Error {
  override name = 'JournalDamaged';
}

/** A fact is longer than the journal takes; nothing of its append is written. */
export class FactTooLarge extends Error {
  override name = 'FactTooLarge';
}
