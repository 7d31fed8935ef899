import { JournalDamaged } from './journal.ts';
import {
  type Header,
  hashOf,
  isHeader,
  isMark,
  journalFormat,
  jsonAt,
  moreOf,
  pathOfSegment,
} from './journal-format.ts';

const lineEnd = 10;
const zeroes = /\0+/g;
/** Where a line begins, also when the end of the one before it is damaged. */
const lineStarts = /(?<![^\n])|[0-9a-f]{16} \{/g;
const marks = /([0-9a-f]{16}) (\{"synced":(\d+),"previous":"([0-9a-f]{16})"\})/g;

/** What of a segment is as it was written. */
export interface Checked {
  header: Header;
  /** Where its last whole append ends, bytes; what comes after is not whole. */
  end: number;
  /** The hash of the last line before `end`. */
  hash: string;
  /** The number of the last fact before `end`. */
  seq: number;
  /** Facts up to this number were synced, as far as this segment says. */
  synced: number;
  /** The first line that does not check, bytes, and the hash before it. Where the segment ends when all do. */
  bad: { at: number; previous: string };
}

/** @returns null when not even the header is as it was written. @throws {JournalDamaged} a newer version wrote it. */
export function checkSegment(bytes: Buffer, segment: number): Checked | null {
  const header = readHeader(bytes, segment);
  if (!header) return null;
  let { previous: hash, first } = header;
  let [at, more, seq] = [0, 0, first - 1];
  const checked: Checked = { header, end: 0, hash, seq, synced: first - 1, bad: { at: 0, previous: hash } };
  for (let newline = bytes.indexOf(lineEnd); newline !== -1; newline = bytes.indexOf(lineEnd, at)) {
    const line = bytes.toString('utf8', at, newline);
    const json = line.slice(jsonAt);
    const expected = hashOf(hash, json);
    if (line !== `${expected} ${json}` || isHeader(json) !== (at === 0)) break;
    if (more > 0 && (isMark(json) || moreOf(json) !== more - 1)) break;
    if (isMark(json)) checked.synced = Number.parseInt(json.slice('{"synced":'.length), 10);
    else if (at > 0) seq += 1;
    more = moreOf(json);
    hash = expected;
    at = newline + 1;
    checked.bad = { at, previous: hash };
    if (more === 0) Object.assign(checked, { end: at, hash, seq });
  }
  return checked;
}

function readHeader(bytes: Buffer, segment: number): Header | null {
  const newline = bytes.indexOf(lineEnd);
  const line = bytes.toString('utf8', 0, newline === -1 ? 0 : newline);
  const format = Number(/^[0-9a-f]{16} \{"format":(\d+)/.exec(line)?.[1] ?? journalFormat);
  if (format !== journalFormat) {
    throw new JournalDamaged(
      `${pathOfSegment(segment)} has format ${format}; this version reads format ${journalFormat}. Use the version of Chorus that wrote it, or a newer one.`,
    );
  }
  const json = line.slice(jsonAt);
  if (!isHeader(json)) return null;
  let header: Header;
  try {
    header = JSON.parse(json) as Header;
  } catch {
    return null;
  }
  return line === `${hashOf(header.previous, json)} ${json}` && header.segment === segment ? header : null;
}

/**
 * The last segment may end in what a crash left half-written; that may be cut off. Not so what was synced, or what a
 * crash does not explain.
 * @param checked null when the header is not as it was written.
 * @returns why the end may not be cut off; null when it may.
 */
export function whyNotCut(bytes: Buffer, checked: Checked | null): string | null {
  const { seq, bad } = checked ?? { seq: -1, bad: { at: 0, previous: '' } };
  const tail = bytes.subarray(bad.at);
  const text = tail.toString('latin1');
  if (syncedUpTo(text) > seq) return 'what was synced cannot be read';
  if (lacksBytes(text)) return null;
  return holdsWholeLine(tail, text, bad.previous) ? 'whole facts come after it' : null;
}

/**
 * Whether something of a damaged end never reached the disk, though what was written later may have: then there are zeroes
 * where it should be. One flipped bit makes no two of them, and none beside a line's beginning.
 */
function lacksBytes(text: string): boolean {
  const lines = new Set(Array.from(text.matchAll(lineStarts), ({ index }) => index));
  return [...text.matchAll(zeroes)].some(
    ({ index, 0: { length } }) => length > 1 || lines.has(index) || lines.has(index + length),
  );
}

/** The highest number in the sync marks of a damaged end, wherever they are. */
function syncedUpTo(text: string): number {
  let upTo = -1;
  for (const [, hash, json = '', synced, previous = ''] of text.matchAll(marks)) {
    if (hashOf(previous, json) === hash) upTo = Math.max(upTo, Number(synced));
  }
  return upTo;
}

/**
 * Whether any line of a damaged end is as it was written. The hash before it may be the one that is written before it,
 * or, when the damage is in that one, the one it should have been.
 */
function holdsWholeLine(tail: Buffer, text: string, previous: string): boolean {
  const mended = hashOf(previous, utf8(tail, jsonAt, text.indexOf('\n')));
  let before = previous;
  for (const { index } of text.matchAll(lineStarts)) {
    const newline = text.indexOf('\n', index);
    if (newline === -1) return false;
    const hash = text.slice(index, index + jsonAt - 1);
    const json = utf8(tail, index + jsonAt, newline);
    const isWhole = hashOf(before, json) === hash || hashOf(mended, json) === hash;
    if (isWhole && text[index + jsonAt - 1] === ' ') return true;
    before = hash;
  }
  return false;
}

const utf8 = (bytes: Buffer, from: number, to: number): string => bytes.toString('utf8', from, Math.max(from, to));

/** An error that says where the journal is damaged and what can be done. */
export function damageOf(bytes: Buffer, segment: number, checked: Checked | null, reason: string): JournalDamaged {
  const { end, bad, seq } = checked ?? { end: 0, bad: { at: 0 }, seq: null };
  const line = bytes.toString('latin1', 0, bad.at).split('\n').length;
  const file = pathOfSegment(segment);
  const last = seq === null ? 'the one before this segment' : `number ${seq}`;
  return new JournalDamaged(
    `${file} is damaged at line ${line} (byte ${bad.at}): ${reason}. Restore the data folder from a backup. To go on ` +
      `without the facts after ${last}: copy the folder, run "truncate -s ${end} ${file}" in it and remove the segments after it.`,
  );
}
