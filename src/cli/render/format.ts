import { stripVTControlCharacters } from 'node:util';
import { plural } from '../../domain/words.ts';

/** Metrics shown in a line; the rest is counted. */
const metricsShownMax = 4;
/** Characters shown of a text that came from elsewhere. */
const textLengthMax = 300;

/** `12,345` */
export const grouped = (count: number): string => count.toLocaleString('en-US');

export { plural };

/** `850 ms`, `12.3 s`, `2 min 5 s`, `3 h 4 min`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** `in 23 s`, or `now` when the time has come. Whole seconds, so that a line does not flicker. */
export function countdown(atMs: number, nowMs: number): string {
  const seconds = Math.ceil((atMs - nowMs) / 1_000);
  if (seconds <= 0) return 'now';
  if (seconds < 60) return `in ${seconds} s`;
  if (seconds < 3_600) return `in ${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `in ${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
}

/** `812 bytes`, `1.4 MB`. */
export function byteSize(bytes: number): string {
  if (bytes < 1_000) return plural(bytes, 'byte');
  const units = ['kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1_000 ** power).toFixed(1)} ${units[power - 1]}`;
}

/** `2026-05-04 12:31:07 UTC`. */
export const timestamp = (atMs: number): string => `${new Date(atMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`;

/** `12:31:07`, UTC. */
export const timeOfDay = (atMs: number): string => new Date(atMs).toISOString().slice(11, 19);

/**
 * A text that came from elsewhere, without anything that could drive a terminal, turn the order of what stands around it,
 * break its line or not be seen, and not too long.
 */
export function printable(text: string): string {
  const clean = stripVTControlCharacters(text)
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ')
    .replace(/[\p{Cf}\p{Cs}]/gu, '');
  return clean.length <= textLengthMax ? clean : `${clean.slice(0, textLengthMax)}…`;
}

/** `accuracy 0.912, loss 0.31`; names come from clients, so they are made printable. */
export function metricsLine(metrics: Readonly<Record<string, number>>): string {
  const entries = Object.entries(metrics);
  const shown = entries.slice(0, metricsShownMax).map(([name, value]) => `${printable(name)} ${significant(value)}`);
  const left = entries.length - shown.length;
  return left > 0 ? `${shown.join(', ')} and ${left} more` : shown.join(', ');
}

/** Four significant digits, without trailing zeros. */
const significant = (value: number): string => String(Number(value.toPrecision(4)));

/** How many of something there are of each kind: `straggler 2, left 1`. */
export function tallyLine(kinds: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].map(([kind, count]) => `${kind} ${count}`).join(', ');
}

/** A bar of `width` cells, filled as far as `have` is of `need`; never full before it is. */
export function progressBar(have: number, need: number, width: number): string {
  const share = need > 0 ? Math.min(1, have / need) : 0;
  const filled = Math.floor(share * width);
  return '█'.repeat(filled) + '░'.repeat(width - filled);
}
