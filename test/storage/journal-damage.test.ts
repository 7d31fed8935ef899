import { describe, expect, it } from 'vitest';
import type { Entry, Fact } from '../../src/domain/facts.ts';
import { openFileJournal } from '../../src/storage/file-journal.ts';
import { JournalDamaged } from '../../src/storage/journal.ts';
import { addLines, factsToJson, firstHash, headerLine } from '../../src/storage/journal-format.ts';
import { readJournal } from '../../src/storage/journal-reader.ts';
import { entriesOf, factOf, readAll, reread, withJournal } from './support/facts.ts';
import { PowerDisk } from './support/power-disk.ts';

const file = 'journal/00000001.log';
/** Appended one after another, those of a row together. */
const appends: Fact[][] = [
  [factOf('a')],
  [factOf('b'), factOf('c'), factOf('d')],
  [factOf('e')],
  [factOf('f'), factOf('g')],
  [factOf('h')],
];
const facts = appends.flat();

/** @param synced how many of the appends are synced. @returns the content of the journal. */
async function written(synced: number): Promise<Buffer> {
  const disk = new PowerDisk();
  const journal = await openFileJournal(disk);
  for (const [index, append] of appends.entries()) {
    journal.append(append, 0);
    if (index + 1 === synced) journal.syncNow();
  }
  return disk.peek(file);
}

/** What a server finds in a journal with this content. */
async function found(
  bytes: Uint8Array,
): Promise<{ entries: Entry[] | JournalDamaged; notes: string[]; after: Buffer }> {
  const disk = new PowerDisk();
  disk.plant(file, bytes);
  const notes: string[] = [];
  try {
    const entries = await reread(disk, { onNote: (note) => notes.push(note) });
    return { entries, notes, after: disk.peek(file) };
  } catch (error) {
    if (!(error instanceof JournalDamaged)) throw error;
    return { entries: error, notes, after: disk.peek(file) };
  }
}

/** How many facts are in the file up to a byte, whole appends only. */
function wholeBefore(bytes: Buffer, end: number): number {
  const lines = bytes.subarray(0, end).toString().split('\n').slice(0, -1);
  const ends = lines.flatMap((line) => {
    const { seq, more = 0 } = JSON.parse(line.slice(17)) as { seq?: number; more?: number };
    return seq !== undefined && more === 0 ? [seq] : [];
  });
  return ends.at(-1) ?? 0;
}

const flipped = (bytes: Buffer, at: number, bit: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ (1 << bit);
  return copy;
};

describe('a journal that a crash left half-written', () => {
  it('has the appends that are whole, and no half of one, wherever it ends', async () => {
    const bytes = await written(0);
    for (let end = 0; end <= bytes.byteLength; end += 1) {
      const { entries, notes } = await found(bytes.subarray(0, end));
      const whole = wholeBefore(bytes, end);
      expect(entries, `cut at ${end}`).toEqual(entriesOf(facts.slice(0, whole)));
      const isWhole = end === 0 || (bytes[end - 1] === 10 && !/"more".*\n$/.test(bytes.subarray(0, end).toString()));
      expect(notes.length, `cut at ${end}`).toBe(isWhole ? 0 : 1);
    }
  });

  it('goes on after what is whole', async () => {
    const bytes = await written(0);
    for (let end = 0; end <= bytes.byteLength; end += 7) {
      const disk = new PowerDisk();
      disk.plant(file, bytes.subarray(0, end));
      const whole = facts.slice(0, wholeBefore(bytes, end));
      await withJournal(disk, (journal) => void journal.append([factOf('new'), factOf('newer')], 0));
      expect(await reread(disk)).toEqual(entriesOf([...whole, factOf('new'), factOf('newer')]));
    }
  });

  it.each([
    ['zeroes', () => Buffer.alloc(700)],
    ['garbage', () => Buffer.from(Array.from({ length: 700 }, (_, index) => (index * 167 + 13) % 256))],
    ['line ends', () => Buffer.from('\n\n\n')],
    ['half a character', () => Buffer.from([0xe2, 0x82])],
  ])('is cut off where its end is %s, and says so', async (_, garbage) => {
    const bytes = await written(5);
    const { entries, notes, after } = await found(Buffer.concat([bytes, garbage()]));
    expect(entries).toEqual(entriesOf(facts));
    expect(notes).toEqual([expect.stringMatching(/^journal\/00000001\.log ends in \d+ bytes that were never written/)]);
    expect(after).toEqual(bytes);
  });

  it('is cut off before a block that never reached the disk, though later ones did, when nothing in it was synced', async () => {
    const bytes = await written(2);
    const from = bytes.indexOf('\n', bytes.indexOf('"synced"')) + 1;
    const hole = Buffer.concat([bytes.subarray(0, from), Buffer.alloc(512 - (from % 512))]);
    const rest = bytes.subarray(hole.byteLength);
    expect(rest.toString()).toMatch(/\n.*"seq":.*\n/s);
    const { entries, notes } = await found(Buffer.concat([hole, rest]));
    expect(entries).toEqual(entriesOf(facts.slice(0, 4)));
    expect(notes).toHaveLength(1);
  });

  it('is not written to by a reader, which leaves the end out', async () => {
    const bytes = await written(0);
    const disk = new PowerDisk();
    disk.plant(file, bytes.subarray(0, -1));
    const notes: string[] = [];
    const entries = await readAll(readJournal(disk, { onNote: (note) => notes.push(note) }));
    expect(entries).toEqual(entriesOf(facts.slice(0, -1)));
    expect(notes).toHaveLength(1);
    expect(disk.peek(file)).toEqual(bytes.subarray(0, -1));
    expect(await disk.list('journal')).toEqual(['00000001.log']);
  });
});

describe('a journal with a flipped bit', () => {
  it('is refused when it was synced, whichever bit it is, but for the last sync mark, which says nothing new', async () => {
    const bytes = await written(5);
    const lastMark = bytes.lastIndexOf('\n', bytes.byteLength - 2) + 1;
    for (let at = 0; at < bytes.byteLength; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const { entries, after } = await found(flipped(bytes, at, bit));
        if (at < lastMark) {
          expect(entries, `bit ${bit} of byte ${at}`).toBeInstanceOf(JournalDamaged);
          expect(after.equals(flipped(bytes, at, bit))).toBe(true);
        } else expect(entries, `bit ${bit} of byte ${at}`).toEqual(entriesOf(facts));
      }
    }
  });

  it('loses at most its last append, which nobody was promised, when nothing was synced', async () => {
    const bytes = await written(0);
    const last = bytes.lastIndexOf('\n', bytes.byteLength - 2) + 1;
    for (let at = 0; at < bytes.byteLength; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const { entries } = await found(flipped(bytes, at, bit));
        if (at < last - 1) expect(entries, `bit ${bit} of byte ${at}`).toBeInstanceOf(JournalDamaged);
        else if (!(entries instanceof JournalDamaged)) {
          expect(entries, `bit ${bit} of byte ${at}`).toEqual(entriesOf(facts.slice(0, entries.length)));
          expect(entries.length).toBeGreaterThanOrEqual(facts.length - 2);
        }
      }
    }
  });

  it('says where, and what can be done', async () => {
    const bytes = await written(5);
    const at = bytes.indexOf('"clientId":"c"');
    const line = bytes.lastIndexOf('\n', at) + 1;
    const batch = bytes.indexOf('\n', bytes.indexOf('"clientId":"a"')) + 1;
    const { entries } = await found(flipped(bytes, at, 0));
    const message = entries instanceof JournalDamaged ? entries.message : '';
    expect(message).toContain(
      `journal/00000001.log is damaged at line 4 (byte ${line}): what was synced cannot be read.`,
    );
    expect(message).toContain(`truncate -s ${batch} journal/00000001.log`);
    expect((await found(flipped(bytes, at, 0).subarray(0, batch))).entries).toEqual(entriesOf(facts.slice(0, 1)));
  });
});

describe('a journal that was changed by hand', () => {
  const lines = async () => (await written(5)).toString().split('\n');

  it.each([
    ['a line is missing', (all: string[]) => all.toSpliced(3, 1)],
    ['a line is there twice', (all: string[]) => all.toSpliced(3, 0, all[3] ?? '')],
    ['two lines have changed places', (all: string[]) => all.toSpliced(3, 2, all[4] ?? '', all[3] ?? '')],
    ['the header is missing', (all: string[]) => all.slice(1)],
    ['a fact says something else', (all: string[]) => all.map((line) => line.replace('"c"', '"x"'))],
    ['it begins with an empty line', (all: string[]) => ['', ...all]],
    ['lines end as on Windows', (all: string[]) => all.map((line) => `${line}\r`)],
  ])('is refused: %s', async (_, tamper) => {
    const { entries } = await found(Buffer.from(tamper(await lines()).join('\n')));
    expect(entries).toBeInstanceOf(JournalDamaged);
  });

  it('is refused when an append has another in its midst, though every line is as it was written', async () => {
    const lines = (more: number[]) =>
      more.reduce(
        (all, more, index) => {
          const [json = ''] = factsToJson([factOf('a')], index + 1, 0);
          return addLines(all, [more > 0 ? json.replace('{', `{"more":${more},`) : json]);
        },
        headerLine({ segment: 1, first: 1, previous: firstHash }),
      );
    const whole = entriesOf([factOf('a'), factOf('a'), factOf('a')]);
    expect((await found(Buffer.from(lines([2, 1, 0]).text))).entries).toEqual(whole);
    for (const more of [
      [2, 0, 0],
      [1, 1, 0],
      [2, 2, 0],
    ]) {
      expect((await found(Buffer.from(lines(more).text))).entries).toBeInstanceOf(JournalDamaged);
    }
  });

  it('is refused when a newer version wrote it', async () => {
    const { entries, after } = await found(Buffer.from('0123456789abcdef {"format":3,"what":"ever"}\nsomething\n'));
    expect(entries).toMatchObject({
      message: expect.stringMatching(/00000001\.log has format 3; this version reads format 2/),
    });
    expect(after.toString()).toContain('something');
  });
});
