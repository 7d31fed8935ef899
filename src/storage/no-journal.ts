import type { Journal } from './journal.ts';

/** A journal that keeps nothing, and so numbers nothing: for a server whose state ends with its process. */
export function createNoJournal(): Journal {
  return {
    async *entries() {},
    append: () => 0,
    synced: async () => undefined,
    syncNow: () => undefined,
    isSound: true,
    seq: 0,
    close: async () => undefined,
  };
}
