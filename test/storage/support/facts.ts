import type { Entry, Fact } from '../../../src/domain/facts.ts';
import type { Disk } from '../../../src/storage/disk.ts';
import { type JournalOptions, openFileJournal } from '../../../src/storage/file-journal.ts';
import type { Journal } from '../../../src/storage/journal.ts';

export const factOf = (clientId: string): Fact => ({ type: 'client.returned', clientId });

/** A fact that holds the whole state. */
export const checkpointOf = (state: string): Fact => ({ type: 'checkpoint', state }) as unknown as Fact;

/** The entries that facts become, from `seq` on, all appended at 0. */
export const entriesOf = (facts: readonly Fact[], seq = 1): Entry[] =>
  facts.map((fact, index) => ({ seq: seq + index, atMs: 0, fact }));

export async function readAll(entries: AsyncIterable<Entry>): Promise<Entry[]> {
  const read: Entry[] = [];
  for await (const entry of entries) read.push(entry);
  return read;
}

/** Opens the journal, reads what is in it, and closes it. */
export async function reread(disk: Disk, options: JournalOptions = {}): Promise<Entry[]> {
  const journal = await openFileJournal(disk, options);
  const entries = await readAll(journal.entries());
  await journal.close();
  return entries;
}

/** Runs something with the journal, and closes it. */
export async function withJournal(
  disk: Disk,
  use: (journal: Journal) => void | Promise<void>,
  options: JournalOptions = {},
): Promise<void> {
  const journal = await openFileJournal(disk, options);
  await use(journal);
  await journal.close();
}
