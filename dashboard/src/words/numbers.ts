/** Numbers, sizes and times as people read them. Pure. */

const grouped = new Intl.NumberFormat('en-GB');
/** Not en-GB, where a million is 1m, as a metre is. */
const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });

export const count = (value: number): string => grouped.format(value);

/** 12,345 as it is; above a hundred thousand 1.2M. */
export const shortCount = (value: number): string => (value < 100_000 ? grouped.format(value) : compact.format(value));

export const plural = (value: number, noun: string): string => `${count(value)} ${noun}${value === 1 ? '' : 's'}`;

/** A metric, to four digits or so. */
export function metric(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 100_000)) return value.toExponential(2);
  return value.toFixed(size >= 100 ? 1 : size >= 10 ? 2 : 3);
}

const units = ['B', 'kB', 'MB', 'GB', 'TB'];

/** Powers of a thousand: 41,300 is 41.3 kB. */
export function bytes(value: number): string {
  let size = value;
  let unit = 0;
  while (size >= 1_000 && unit < units.length - 1) {
    size /= 1_000;
    unit += 1;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)}\u00a0${units[unit]}`;
}

/** `240 ms`, `4.2 s`, `3 min 05 s`, `2 h 10 min` */
export function duration(ms: number): string {
  const positive = Math.max(0, ms);
  if (positive < 1_000) return `${Math.round(positive)}\u00a0ms`;
  const seconds = positive / 1_000;
  if (seconds < 60) return `${seconds.toFixed(1)}\u00a0s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}\u00a0min\u00a0${String(Math.floor(seconds % 60)).padStart(2, '0')}\u00a0s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48
    ? `${hours}\u00a0h\u00a0${String(minutes % 60).padStart(2, '0')}\u00a0min`
    : `${Math.floor(hours / 24)}\u00a0days`;
}

/** `just now`, `12 s ago`, `3 min ago`: as far back as anybody cares. */
export function ago(ms: number): string {
  const seconds = Math.floor(Math.max(0, ms) / 1_000);
  if (seconds < 1) return 'just now';
  if (seconds < 60) return `${seconds}\u00a0s ago`;
  return seconds < 3_600 ? `${Math.floor(seconds / 60)}\u00a0min ago` : `${duration(ms)} ago`;
}

/** `0:42`, `12:05`, `2:10:00`: for countdowns, of constant width. */
export function countdown(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1_000));
  const pad = (value: number) => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(seconds % 60)}` : `${minutes}:${pad(seconds % 60)}`;
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const dated = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });

export const timeOfDay = (atMs: number): string => clock.format(atMs);

/** With the day when it is not today. */
export const moment = (atMs: number, nowMs: number): string =>
  new Date(atMs).toDateString() === new Date(nowMs).toDateString() ? clock.format(atMs) : dated.format(atMs);

export const shortId = (id: string): string => id.slice(0, 8);
