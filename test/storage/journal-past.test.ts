import { describe, expect, it } from 'vitest';
import { factsFromBefore, oldestFact } from '../../src/storage/journal-past.ts';
import { checkpointOf, entriesOf, factOf, readAll, withJournal } from './support/facts.ts';
import { places } from './support/places.ts';

/** Longer than what is read at once. */
const long = (id: string) => factOf(id.repeat(300_000));
const facts = [long('a'), factOf('b'), factOf('c'), checkpointOf('abc'), long('d'), factOf('e')];

describe.each(places)('the past of a journal that is being written: %s', (_, place) => {
  /** Three segments, of which the last begins with a checkpoint. */
  async function threeSegments() {
    const disk = place();
    await withJournal(disk, (journal) => void journal.append(facts.slice(0, 2), 0), { segmentBytesMax: 200 });
    await withJournal(disk, (journal) => void journal.append(facts.slice(2, 3), 0), { segmentBytesMax: 200 });
    await withJournal(disk, (journal) => void journal.append(facts.slice(3), 0));
    return disk;
  }

  it('is read from the checkpoint before a fact, or from the first of all', async () => {
    const disk = await threeSegments();
    expect(await oldestFact(disk)).toBe(1);
    for (const seq of [1, 2, 3]) expect(await readAll(factsFromBefore(disk, seq))).toEqual(entriesOf(facts));
    for (const seq of [4, 6]) expect(await readAll(factsFromBefore(disk, seq))).toEqual(entriesOf(facts.slice(3), 4));
  });

  it('begins at the oldest checkpoint where what was before it was removed', async () => {
    const disk = await threeSegments();
    await disk.remove('journal/00000001.log');
    expect(await oldestFact(disk)).toBeNull();
    await disk.remove('journal/00000002.log');
    expect(await oldestFact(disk)).toBe(4);
    expect(await readAll(factsFromBefore(disk, 3))).toEqual([]);
  });

  it('ends with the last whole line, whatever is being written after it', async () => {
    const disk = await threeSegments();
    const file = await disk.open('journal/00000003.log');
    file.writeNow(Buffer.from('0123456789abcdef {"seq":7,"atM'), file.length);
    await file.close();
    expect((await readAll(factsFromBefore(disk, 5))).map(({ seq }) => seq)).toEqual([4, 5, 6]);
  });

  it('has nothing where nothing was written', async () => {
    const disk = place();
    await withJournal(disk, () => undefined);
    expect(await oldestFact(disk)).toBeNull();
    expect(await readAll(factsFromBefore(disk, 1))).toEqual([]);
  });
});
