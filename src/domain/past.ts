import type { RoundRecord } from './round-record.ts';
import type { Status } from './status.ts';

/** A fact in words. */
export interface HistoryEntry {
  seq: number;
  atMs: number;
  type: string;
  sentence: string;
}

export interface HistoryQuery {
  /** 1 to 1,000. @default 200 */
  limit?: number;
  /** Only what came before this one. */
  before?: number;
}

export interface HistoryPage {
  /** The oldest and the newest that are kept; both 0 when there are none. */
  firstSeq: number;
  lastSeq: number;
  /** Whether all are kept, on the disk; else the last ones, until the process ends. */
  onDisk: boolean;
  /** In order. */
  entries: HistoryEntry[];
}

/** How things stood right after a fact. */
export interface PastMoment {
  status: Status;
  /** Attempts at rounds as they were then, newest first: at most 300. */
  rounds: RoundRecord[];
}
