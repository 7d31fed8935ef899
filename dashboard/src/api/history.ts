/** The event log, and how things stood at any of its events. */
import type { DetailedRound } from '../../../src/dashboard/contract.ts';
import type { HistoryEntry, HistoryPage, Status } from '../../../src/domain/handle.ts';
import { call } from './call.ts';
import { Problem } from './problem.ts';

export type { HistoryEntry, HistoryPage };

export interface PastMoment {
  status: Status;
  rounds: DetailedRound[];
}

const entriesAtOnce = 200;

/** @returns up to 200 entries that end with `beforeSeq` (exclusive), or the newest; null when this server keeps no history. */
export async function readHistory(beforeSeq: number | null, signal?: AbortSignal): Promise<HistoryPage | null> {
  const before = beforeSeq === null ? '' : `&before=${beforeSeq}`;
  try {
    return await call<HistoryPage>(`/v1/history?limit=${entriesAtOnce}${before}`, { signal });
  } catch (error) {
    if (error instanceof Problem && error.code === 'NOT_FOUND') return null;
    throw error;
  }
}

/** How things stood right after this entry. */
export const readMoment = (seq: number, signal?: AbortSignal): Promise<PastMoment> =>
  call<PastMoment>(`/v1/history/${seq}`, { signal });
