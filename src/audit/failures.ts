import { HistoryBroken } from '../history/history-broken.ts';
import { JournalDamaged } from '../storage/journal.ts';
import { NoHistory } from './data-folder.ts';

/** @returns a sentence for what can be wrong with a folder, or null for an error that is none of the folder's. */
export function failureOf(error: unknown): string | null {
  if (error instanceof NoHistory || error instanceof JournalDamaged) return error.message;
  if (error instanceof HistoryBroken) return `The history does not fit together: ${error.message}.`;
  const isOfSystem = error instanceof Error && 'code' in error && 'syscall' in error;
  return isOfSystem ? `The folder cannot be read: ${error.message}.` : null;
}
