/**
 * Facts of a journal that its server is writing, read from its files a piece at a time. What is read was checked when it
 * was written or when the server started; here only its order is.
 */
import type { Entry } from '../domain/facts.ts';
import type { Disk, DiskFile } from './disk.ts';
import { JournalDamaged } from './journal.ts';
import { entryOf, type Header, isHeader, isMark, jsonAt, pathOfSegment } from './journal-format.ts';
import { listSegments } from './journal-reader.ts';

/** Read at once, bytes. */
const pieceBytes = 262_144;
/** Longest line that is read, bytes: parsing one holds up everything else. A checkpoint of 100,000 clients has about half. */
const lineBytesMax = 2 ** 25;
/** Enough of a segment to tell what it begins with, bytes: its header, a few marks, and the start of its first fact. */
const headBytes = 4_096;

const lineEnd = 10;
const checkpointStart = /^\{(?:"more":\d+,)?"seq":\d+,"atMs":[\d.]+,"type":"checkpoint"/;

/** A line that is too long to be read beside other work. */
class LineTooLong extends Error {}

/** What a segment begins with. */
interface Head {
  first: number;
  isCheckpoint: boolean;
}

/** @returns the number of the oldest fact from which on everything is there; null: there is none. */
export async function oldestFact(disk: Disk): Promise<number | null> {
  const [segment] = await listSegments(disk);
  const head = segment === undefined ? null : await headOf(disk, segment);
  return head && isBeginning(head) ? head.first : null;
}

/**
 * Facts in their order, from a checkpoint or from the first fact of all, and on beyond `seq`, until nobody asks for more
 * or there are none, or one is too long. @throws {JournalDamaged}
 */
export async function* factsFromBefore(disk: Disk, seq: number): AsyncGenerator<Entry> {
  const segments = await listSegments(disk);
  const start = await startBefore(disk, segments, seq);
  if (!start) return;
  let expected = start.first;
  try {
    for (const segment of segments.slice(start.index)) {
      for await (const entry of factsOf(disk, segment)) {
        if (entry.seq !== expected) {
          throw new JournalDamaged(`${pathOfSegment(segment)} has fact ${entry.seq} in the place of ${expected}`);
        }
        expected += 1;
        yield entry;
      }
    }
  } catch (error) {
    if (!(error instanceof LineTooLong)) throw error;
  }
}

async function* factsOf(disk: Disk, segment: number): AsyncGenerator<Entry> {
  for await (const line of linesOf(disk, segment)) {
    const json = line.slice(jsonAt);
    if (!isHeader(json) && !isMark(json)) yield entryOf(json);
  }
}

/** The last segment that begins at or before a fact, with all that is to be known to read it; null: there is none. */
async function startBefore(disk: Disk, segments: readonly number[], seq: number) {
  for (let index = segments.length - 1; index >= 0; index -= 1) {
    const head = await headOf(disk, segments[index] ?? 0);
    if (head && head.first <= seq && isBeginning(head)) return { index, first: head.first };
  }
  return null;
}

const isBeginning = ({ first, isCheckpoint }: Head): boolean => first === 1 || isCheckpoint;

/** @returns null: nothing was written to it yet. */
async function headOf(disk: Disk, segment: number): Promise<Head | null> {
  const file = await disk.open(pathOfSegment(segment));
  try {
    const bytes = Buffer.alloc(headBytes);
    const [header = '', ...lines] = bytes.toString('utf8', 0, await file.read(bytes, 0)).split('\n');
    const json = header.slice(jsonAt);
    if (lines.length === 0 || !isHeader(json)) return null;
    const firstFact = lines.map((line) => line.slice(jsonAt)).find((line) => !isMark(line));
    return { first: (JSON.parse(json) as Header).first, isCheckpoint: checkpointStart.test(firstFact ?? '') };
  } finally {
    await file.close();
  }
}

/** The whole lines of a segment: one that is being written ends in none. */
async function* linesOf(disk: Disk, segment: number): AsyncGenerator<string> {
  const file = await disk.open(pathOfSegment(segment));
  try {
    yield* linesIn(file);
  } finally {
    await file.close();
  }
}

async function* linesIn(file: DiskFile): AsyncGenerator<string> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  for (let at = 0; ; ) {
    const piece = Buffer.alloc(pieceBytes);
    const bytes = await file.read(piece, at);
    if (bytes === 0) return;
    at += bytes;
    let from = 0;
    for (let end = piece.indexOf(lineEnd); end !== -1 && end < bytes; end = piece.indexOf(lineEnd, from)) {
      yield Buffer.concat([...held, piece.subarray(from, end)]).toString('utf8');
      held = [];
      heldBytes = 0;
      from = end + 1;
    }
    held.push(piece.subarray(from, bytes));
    heldBytes += bytes - from;
    if (heldBytes > lineBytesMax) throw new LineTooLong();
  }
}
