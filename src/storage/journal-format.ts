/**
 * The journal on the disk: lines of text in `journal/00000001.log`, `…2.log`, each `<hash> <JSON>`, where the hash is the
 * start of the SHA-256 over the previous line's hash and this line's JSON. There are three kinds of lines.
 *
 * - header, the first of every segment: `{"format":2,"segment":…,"first":…,"previous":…}`
 * - fact: `{"seq":…,"atMs":…,"type":…}`; of facts appended together all but the last begin with `{"more":…,`
 * - sync mark: `{"synced":…,"previous":…}`: every fact up to this number was synced before this line was written
 *
 * A header and a mark repeat the previous hash, so that they can be checked without the line before them.
 */
import { hash } from 'node:crypto';
import type { Entry, Fact } from '../domain/facts.ts';

export const journalFolder = 'journal';
export const journalFormat = 2;
/** The hash before the first line of the first segment. */
export const firstHash = '0'.repeat(16);
/** Where a line's JSON begins: after 16 digits and a space. */
export const jsonAt = firstHash.length + 1;

const segmentName = /^\d{8}\.log$/;
export const pathOfSegment = (segment: number): string => `${journalFolder}/${String(segment).padStart(8, '0')}.log`;

/** @returns the number of a segment, or null for a file that is none. */
export const segmentOf = (name: string): number | null => (segmentName.test(name) ? Number.parseInt(name, 10) : null);

export interface Header {
  format: number;
  /** Of this segment, from 1: as in its file's name. */
  segment: number;
  /** The number of the first fact in it. */
  first: number;
  /** The last hash of the segment before it. */
  previous: string;
}

export const hashOf = (previous: string, json: string): string => hash('sha256', previous + json).slice(0, 16);

/** Lines that follow each other, and the hash of the last. */
export interface Lines {
  text: string;
  hash: string;
}

function addLine(lines: Lines, json: string): Lines {
  const hash = hashOf(lines.hash, json);
  return { text: `${lines.text}${hash} ${json}\n`, hash };
}

export const headerLine = (header: Omit<Header, 'format'>): Lines =>
  addLine({ text: '', hash: header.previous }, JSON.stringify({ format: journalFormat, ...header }));

export const markLine = (previous: string, synced: number): Lines =>
  addLine({ text: '', hash: previous }, JSON.stringify({ synced, previous }));

/** The JSON of facts that are appended together; `first` is the number of the first. */
export function factsToJson(facts: readonly Fact[], first: number, atMs: number): string[] {
  return facts.map((fact, index) => {
    const more = facts.length - 1 - index;
    const about = { seq: first + index, atMs, ...fact };
    return JSON.stringify(more > 0 ? { more, ...about } : about);
  });
}

export const addLines = (lines: Lines, jsons: readonly string[]): Lines => jsons.reduce(addLine, lines);

export const isHeader = (json: string): boolean => json.startsWith('{"format":');
export const isMark = (json: string): boolean => json.startsWith('{"synced":');
/** How many facts follow that were appended with this one. */
export const moreOf = (json: string): number => (json.startsWith('{"more":') ? Number.parseInt(json.slice(8), 10) : 0);
export const isCheckpoint = (fact: { type: string }): boolean => fact.type === 'checkpoint';

export function entryOf(json: string): Entry {
  const { more: _, seq, atMs, ...fact } = JSON.parse(json) as { more?: number; seq: number; atMs: number } & Fact;
  return { seq, atMs, fact: fact as Fact };
}
