import type { UpdatePlace } from '../domain/facts.ts';

/** The attempt at a round whose updates are staged. */
export interface AttemptKey {
  run: string;
  round: number;
  attempt: number;
}

/**
 * Accepted updates of the open attempt, kept until it commits: with them a crash costs no update. One attempt at a time
 * is open; its updates lie one after another in one file.
 */
export interface UpdateStore {
  /**
   * Opens an attempt, or opens it again after a crash. What is staged of other attempts is removed, but for what is kept.
   */
  open(attempt: AttemptKey): Promise<void>;
  /**
   * Stages an update. When it settles the bytes survive what the store's sync policy promises. Several may be under way.
   * @param bytes may lie in shared memory; must not change meanwhile.
   * @throws a system error (`ENOSPC`, …): then nothing is staged, and other updates are as they were.
   */
  put(bytes: Uint8Array): Promise<UpdatePlace>;
  /** Fills `into`, of `place.bytes` bytes. @throws when they are not all there. */
  read(place: UpdatePlace, into: Uint8Array): Promise<void>;
  /**
   * The attempt is over; the store takes updates again after the next `open`. Idempotent.
   * @param committed whether its updates made a model: only those can be kept for `verify`.
   */
  end(committed: boolean): Promise<void>;
  close(): Promise<void>;
}

/** A store whose user may be gone without a word while the process lives on. */
export interface LeavableUpdateStore extends UpdateStore {
  /**
   * Its user is gone, and another store is opened on the same disk: what was not begun does not happen any more. Settles
   * when nothing is under way.
   */
  leave(): Promise<void>;
}
