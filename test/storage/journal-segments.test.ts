import { describe, expect, it } from 'vitest';
import type { Disk } from '../../src/storage/disk.ts';
import { openFileJournal } from '../../src/storage/file-journal.ts';
import { FactTooLarge, JournalDamaged } from '../../src/storage/journal.ts';
import { addLines, factsToJson, firstHash, headerLine } from '../../src/storage/journal-format.ts';
import { readJournal } from '../../src/storage/journal-reader.ts';
import { checkpointOf, entriesOf, factOf, readAll, reread, withJournal } from './support/facts.ts';
import { faultyDisk, systemError } from './support/faulty-disk.ts';
import { places } from './support/places.ts';
import { PowerDisk } from './support/power-disk.ts';

const all = (disk: Disk) => readAll(readJournal(disk, { all: true }));
const long = (id: string) => factOf(id.repeat(300));

/** A journal of four segments, of which the third begins with a checkpoint, and an empty one. */
async function fourSegments(disk: Disk): Promise<void> {
  await withJournal(disk, (journal) => void journal.append([long('a'), factOf('b')], 0), { segmentBytesMax: 200 });
  await withJournal(disk, (journal) => void journal.append([factOf('c')], 0), { segmentBytesMax: 200 });
  await withJournal(disk, (journal) => void journal.append([checkpointOf('abc'), long('d')], 0));
  await withJournal(disk, (journal) => void journal.append([factOf('e')], 0), { segmentBytesMax: 200 });
}

const facts = [long('a'), factOf('b'), factOf('c'), checkpointOf('abc'), long('d'), factOf('e')];
const pathOf = (segment: number) => `journal/0000000${segment}.log`;

describe.each(places)('the segments of a journal: %s', (_, place) => {
  it('are begun when one is long enough, and read one after another', async () => {
    const disk = place();
    for (const id of ['a', 'b', 'c']) {
      await withJournal(disk, (journal) => void journal.append([long(id)], 0), { segmentBytesMax: 200 });
    }
    expect((await disk.list('journal')).sort()).toEqual([1, 2, 3, 4].map((segment) => `0000000${segment}.log`));
    expect(await reread(disk)).toEqual(entriesOf([long('a'), long('b'), long('c')]));
  });

  it('are begun while the journal is written to, one long enough as soon as there is a file for it', async () => {
    const disk = place();
    const ids = Array.from({ length: 30 }, (_, index) => String(index));
    await withJournal(
      disk,
      async (journal) => {
        for (const id of ids) {
          journal.append([factOf(id)], 0);
          await journal.synced();
        }
      },
      { segmentBytesMax: 300 },
    );
    expect((await disk.list('journal')).length).toBeGreaterThan(3);
    expect(await reread(disk)).toEqual(entriesOf(ids.map(factOf)));
  });

  it('are begun by a checkpoint, from which the entries are read, unless all are asked for', async () => {
    const disk = place();
    await fourSegments(disk);
    expect(await reread(disk)).toEqual(entriesOf(facts.slice(3), 4));
    expect(await all(disk)).toEqual(entriesOf(facts));
    expect(await readAll(readJournal(disk))).toEqual(entriesOf(facts.slice(3), 4));
  });

  it('may be taken away before a checkpoint', async () => {
    const disk = place();
    await fourSegments(disk);
    await disk.remove(pathOf(1));
    await disk.remove(pathOf(2));
    expect(await reread(disk)).toEqual(entriesOf(facts.slice(3), 4));
    expect(await all(disk)).toEqual(entriesOf(facts.slice(3), 4));
  });
});

describe('segments that are not as they were', () => {
  async function planted(change: (disk: PowerDisk) => void | Promise<void>): Promise<PowerDisk> {
    const disk = new PowerDisk();
    await fourSegments(disk);
    await change(disk);
    return disk;
  }

  it.each([1, 2, 3])('are refused when number %i is missing', async (segment) => {
    const disk = await planted((disk) => disk.remove(pathOf(segment)));
    await expect(all(disk)).rejects.toThrow(JournalDamaged);
  });

  it('are refused when one among them, or the last, is missing, also from a checkpoint on', async () => {
    for (const segment of [3, 4]) {
      const disk = await planted((disk) => disk.remove(pathOf(segment)));
      await expect(openFileJournal(disk)).rejects.toThrow(`${pathOf(segment)} is missing`);
    }
    const headless = await planted((disk) => disk.remove(pathOf(1)));
    await expect(all(headless)).rejects.toThrow('00000002.log is there, but what came before it is missing');
  });

  it('are refused when one before the last does not end as it did', async () => {
    for (const length of [0, 50, 100, -1]) {
      const disk = await planted((disk) => disk.plant(pathOf(3), disk.peek(pathOf(3)).subarray(0, length)));
      await expect(reread(disk)).rejects.toThrow(JournalDamaged);
    }
  });

  it('are refused when two have changed places, or one is that of another journal', async () => {
    const swapped = await planted((disk) => {
      const first = disk.peek(pathOf(1));
      disk.plant(pathOf(1), disk.peek(pathOf(2)));
      disk.plant(pathOf(2), first);
    });
    await expect(all(swapped)).rejects.toThrow(JournalDamaged);
    const other = new PowerDisk();
    await withJournal(other, (journal) => void journal.append([long('x'), factOf('y')], 0));
    const mixed = await planted((disk) => disk.plant(pathOf(1), other.peek(pathOf(1))));
    await expect(all(mixed)).rejects.toThrow('00000002.log does not follow the segment before it');
  });

  it('are refused when one does not go on where the one before it ended', async () => {
    const begun = (first: number, previous: string, segment: number) =>
      addLines(headerLine({ segment, first, previous }), factsToJson([factOf('a')], first, 0));
    const one = begun(1, firstHash, 1);
    for (const first of [1, 2, 3]) {
      const disk = new PowerDisk();
      disk.plant(pathOf(1), Buffer.from(one.text));
      disk.plant(pathOf(2), Buffer.from(begun(first, one.hash, 2).text));
      if (first === 2) expect(await all(disk)).toEqual(entriesOf([factOf('a'), factOf('a')]));
      else await expect(all(disk)).rejects.toThrow('does not follow');
    }
  });

  it('are ignored when they are none', async () => {
    const disk = await planted((disk) => disk.plant('journal/00000001.log.bak', Buffer.from('what is this')));
    expect(await all(disk)).toEqual(entriesOf(facts));
  });
});

describe('a journal that cannot begin a segment', () => {
  it('goes on in the one it has, for a while, and begins one when it can', async () => {
    const real = new PowerDisk();
    let isFull = false;
    const disk = faultyDisk(real, ({ kind }) => (isFull && kind === 'open' ? { code: 'ENOSPC' } : null));
    await withJournal(
      disk,
      async (journal) => {
        isFull = true;
        let appended = 0;
        const fill = async () => {
          for (; appended < 100; appended += 1) {
            journal.append([factOf('a')], 0);
            await journal.synced();
          }
        };
        await expect(fill()).rejects.toThrow(systemError('ENOSPC'));
        expect(appended).toBeGreaterThan(15);
        expect(() => journal.append([factOf('b')], 0)).toThrow(systemError('ENOSPC'));
        isFull = false;
        // The first tries to get a file for the next.
        expect(() => journal.append([factOf('b')], 0)).toThrow();
        await journal.synced();
        await expect.poll(() => journal.append([factOf('c')], 0)).toBe(appended + 1);
      },
      { segmentBytesMax: 300 },
    );
    const entries = await reread(real);
    expect(entries.at(-1)?.fact).toEqual(factOf('c'));
  });
});

it('refuses a fact that is too long, and writes nothing of what was to be appended with it', async () => {
  const disk = new PowerDisk();
  await withJournal(
    disk,
    (journal) => {
      expect(() => journal.append([factOf('a'), long('b')], 0)).toThrow(FactTooLarge);
      expect(() => journal.append([long('b')], 0)).toThrow(/type client\.returned has \d+ bytes; at most 200 are/);
      journal.append([factOf('c')], 0);
    },
    { factBytesMax: 200 },
  );
  expect(await reread(disk)).toEqual(entriesOf([factOf('c')]));
});
