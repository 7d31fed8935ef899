import type { Entry } from '../domain/facts.ts';
import type { Disk } from './disk.ts';
import { JournalDamaged } from './journal.ts';
import { type Checked, checkSegment, damageOf, whyNotCut } from './journal-check.ts';
import {
  entryOf,
  firstHash,
  isCheckpoint,
  isHeader,
  isMark,
  journalFolder,
  jsonAt,
  pathOfSegment,
  segmentOf,
} from './journal-format.ts';

export interface JournalReadOptions {
  /** From the beginning, whatever checkpoints there are. @default false: from the last checkpoint */
  all?: boolean;
  /** Told, in a sentence, of an end that is not whole and was left out. */
  onNote?: (sentence: string) => void;
}

/** A segment that holds at least its header. */
interface Segment {
  segment: number;
  bytes: Buffer;
  checked: Checked;
}

/**
 * The entries of a journal, without writing to it; its server may be running. An end that is not whole is left out.
 * @throws {JournalDamaged}
 */
export async function* readJournal(disk: Disk, options: JournalReadOptions = {}): AsyncGenerator<Entry> {
  const segments = await listSegments(disk);
  const last = await findLast(disk, segments, options.onNote);
  if (!last) return;
  let first = segments[0] ?? last.segment;
  if (!options.all) first = await lastCheckpoint(disk, first, last);
  let before: Checked | null = null;
  for (let segment = first; segment <= last.segment; segment += 1) {
    const { bytes, checked } = segment === last.segment ? last : await readWhole(disk, segment);
    const problem = before ? gapAfter(before, checked) : headless(bytes, checked);
    if (problem) throw lost(segment, problem);
    yield* entriesOf(bytes, segment, checked);
    before = checked;
  }
}

const lost = (segment: number, problem: string): JournalDamaged =>
  new JournalDamaged(`${pathOfSegment(segment)} ${problem}. Restore the data folder from a backup.`);

/** The numbers of the segments there are, in their order. @throws {JournalDamaged} one is missing. */
export async function listSegments(disk: Disk): Promise<number[]> {
  const names = await disk.list(journalFolder);
  const segments = names
    .map(segmentOf)
    .filter((segment) => segment !== null)
    .sort((a, b) => a - b);
  for (const [index, segment] of segments.entries()) {
    const expected = (segments[0] ?? 0) + index;
    if (segment !== expected) {
      throw lost(expected, 'is missing');
    }
  }
  return segments;
}

/**
 * The newest segment that holds anything whole. @returns null when none does.
 * @throws {JournalDamaged} its end may not be cut off.
 */
export async function findLast(
  disk: Disk,
  segments: readonly number[],
  onNote: (sentence: string) => void = () => undefined,
): Promise<Segment | null> {
  for (const segment of segments.toReversed()) {
    const bytes = await readBytes(disk, segment);
    const checked = checkSegment(bytes, segment);
    const end = checked?.end ?? 0;
    if (end < bytes.byteLength) {
      const reason = whyNotCut(bytes, checked);
      if (reason) throw damageOf(bytes, segment, checked, reason);
      onNote(
        `${pathOfSegment(segment)} ends in ${bytes.byteLength - end} bytes that were never written whole; they are left out. Nothing that was synced is among them.`,
      );
    }
    if (checked && end > 0) return { segment, bytes, checked };
  }
  assertFromFirst(segments);
  return null;
}

/** A journal without facts has its first segment, or none at all. */
function assertFromFirst([first = 1]: readonly number[]): void {
  if (first > 1) {
    throw lost(first - 1, 'is missing');
  }
}

async function lastCheckpoint(disk: Disk, first: number, last: Segment): Promise<number> {
  if (beginsWithCheckpoint(last.bytes, last.checked)) return last.segment;
  for (let segment = last.segment - 1; segment > first; segment -= 1) {
    const { bytes, checked } = await readWhole(disk, segment);
    if (beginsWithCheckpoint(bytes, checked)) return segment;
  }
  return first;
}

/** A segment before the last. It was synced as a whole before the next was begun. */
async function readWhole(disk: Disk, segment: number): Promise<Segment> {
  const bytes = await readBytes(disk, segment);
  const checked = checkSegment(bytes, segment);
  if (!checked || checked.end < bytes.byteLength) {
    throw damageOf(bytes, segment, checked, 'the segments after it say that it was whole');
  }
  return { segment, bytes, checked };
}

async function readBytes(disk: Disk, segment: number): Promise<Buffer> {
  const bytes = (await disk.read(pathOfSegment(segment))) ?? new Uint8Array();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function gapAfter(before: Checked, { header }: Checked): string | null {
  const follows = header.previous === before.hash && header.first === before.seq + 1;
  return follows ? null : 'does not follow the segment before it';
}

/** Without the segments before it, a segment must be the first or hold a checkpoint. */
function headless(bytes: Buffer, checked: Checked): string | null {
  const { segment, first, previous } = checked.header;
  const isFirst = segment === 1 && first === 1 && previous === firstHash;
  return isFirst || beginsWithCheckpoint(bytes, checked) ? null : 'is there, but what came before it is missing';
}

function beginsWithCheckpoint(bytes: Buffer, checked: Checked): boolean {
  for (const json of jsonsOf(bytes, checked)) {
    if (!isHeader(json) && !isMark(json)) return isCheckpoint(entryOf(json).fact);
  }
  return false;
}

function* entriesOf(bytes: Buffer, segment: number, checked: Checked): Generator<Entry> {
  let seq = checked.header.first;
  for (const json of jsonsOf(bytes, checked)) {
    if (isHeader(json) || isMark(json)) continue;
    const entry = entryOf(json);
    if (entry.seq !== seq) throw damageOf(bytes, segment, checked, `fact ${entry.seq} stands in the place of ${seq}`);
    seq += 1;
    yield entry;
  }
}

function* jsonsOf(bytes: Buffer, { end }: Checked): Generator<string> {
  for (let at = 0; at < end; ) {
    const newline = bytes.indexOf('\n', at);
    yield bytes.toString('utf8', at + jsonAt, newline);
    at = newline + 1;
  }
}
