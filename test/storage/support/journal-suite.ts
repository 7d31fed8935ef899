import { describe, expect, it } from 'vitest';
import type { Journal } from '../../../src/storage/journal.ts';
import { factOf, readAll } from './facts.ts';

/** What every journal does. @param open gives an empty one. */
export function describeJournal(name: string, open: () => Promise<Journal>): void {
  describe(`a journal: ${name}`, () => {
    it('numbers facts from 1, without gaps, however many are appended together', async () => {
      const journal = await open();
      expect(journal.seq).toBe(0);
      expect(await readAll(journal.entries())).toEqual([]);
      expect(journal.append([factOf('a')], 0)).toBe(1);
      expect(journal.append([factOf('b'), factOf('c'), factOf('d')], 0)).toBe(4);
      expect(journal.append([], 0)).toBe(4);
      expect(journal.seq).toBe(4);
      await journal.close();
    });

    it('syncs, in time or at once, also when there is nothing to sync', async () => {
      const journal = await open();
      await journal.synced();
      journal.syncNow();
      journal.append([factOf('a')], 0);
      const synced = Promise.all([journal.synced(), journal.synced()]);
      journal.append([factOf('b')], 0);
      journal.syncNow();
      await synced;
      await journal.synced();
      expect(journal.seq).toBe(2);
      await journal.close();
    });
  });
}

/** What every journal does that outlives its process. @param open opens the same one again and again. */
export function describeLastingJournal(name: string, place: () => () => Promise<Journal>): void {
  describe(`a lasting journal: ${name}`, () => {
    it('has every fact, in its order and with its time, when it is opened again', async () => {
      const open = place();
      const facts = [
        factOf('a'),
        factOf('ü\n"\\\u0000\ud800'),
        { type: 'clients.selected', clientIds: ['a', 'b'] } as const,
      ];
      let journal = await open();
      journal.append(facts.slice(0, 1), 1);
      journal.append(facts.slice(1), 2.5);
      await journal.close();
      journal = await open();
      const entries = facts.map((fact, index) => ({ seq: index + 1, atMs: index === 0 ? 1 : 2.5, fact }));
      expect(journal.seq).toBe(3);
      expect(await readAll(journal.entries())).toEqual(entries);
      expect(journal.append([factOf('d')], 3)).toBe(4);
      await journal.close();
      journal = await open();
      expect(await readAll(journal.entries())).toEqual([...entries, { seq: 4, atMs: 3, fact: factOf('d') }]);
      await journal.close();
    });
  });
}
