import { expect, it } from 'vitest';
import { openFileJournal } from '../../src/storage/file-journal.ts';
import { createNoJournal } from '../../src/storage/no-journal.ts';
import { factOf, readAll } from './support/facts.ts';
import { describeJournal, describeLastingJournal } from './support/journal-suite.ts';
import { places } from './support/places.ts';

for (const [name, disk] of places) {
  describeJournal(name, () => openFileJournal(disk()));
  describeLastingJournal(name, () => {
    const one = disk();
    return () => openFileJournal(one);
  });
}

it('takes everything and keeps nothing when there is no journal', async () => {
  const journal = createNoJournal();
  expect(journal.append([factOf('a')], 0)).toBe(0);
  await journal.synced();
  journal.syncNow();
  expect(await readAll(journal.entries())).toEqual([]);
  await journal.close();
});
