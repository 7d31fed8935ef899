/** Small pure functions of the page: what is shown, without the document. */

/** @param {number} ms @returns {string} `4.2 s`, `3 min 05 s`, `2 h 10 min` */
export function durationText(ms) {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.floor(seconds % 60)).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** @param {number} atMs @returns {string} local time of day with milliseconds */
export function timeText(atMs) {
  const at = new Date(atMs);
  const pad = (value, length = 2) => String(value).padStart(length, '0');
  return `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}.${pad(at.getMilliseconds(), 3)}`;
}

/** @param {unknown} value a state value @returns {string} `running › round` */
export function stateText(value) {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return '';
  return Object.entries(value)
    .map(([key, inner]) => (Object.keys(inner).length === 0 ? key : `${key} › ${stateText(inner)}`))
    .join(' + ');
}

/** @param {string} type an event's type @returns {string} XState's own events in words, others as they are */
export function eventText(type) {
  if (type === 'xstate.init') return 'started';
  if (type === 'xstate.stop') return 'stopped';
  return type
    .replace(/^xstate\.done\.actor\./, 'done: ')
    .replace(/^xstate\.error\.actor\./, 'error: ')
    .replace(/^xstate\.done\.state\./, 'done: ')
    .replace(/^xstate\.after\.([^.]+).*$/, 'after $1');
}

/**
 * The numbers a guard depends on, as far as the context carries them: its own plain numbers, and those of its tally.
 * @param {Record<string, unknown> | null} context @returns {[string, string][]}
 */
export function numbersOf(context) {
  const rows = [];
  const add = (name, value) => {
    if (typeof value !== 'number' || /Ms$/.test(name)) return;
    rows.push([name, String(value)]);
  };
  for (const [name, value] of Object.entries(context ?? {})) add(name, value);
  for (const inner of ['run', 'tally']) {
    const group = context?.[inner];
    if (typeof group !== 'object' || group === null) continue;
    for (const [name, value] of Object.entries(group)) add(name, value);
  }
  return rows;
}

/** @param {Record<string, unknown> | null} context @returns {{ deadlineAtMs: number, sinceMs: number | null } | null} */
export function deadlineOf(context) {
  const { deadlineAtMs, sinceMs } = context ?? {};
  if (typeof deadlineAtMs !== 'number') return null;
  return { deadlineAtMs, sinceMs: typeof sinceMs === 'number' ? sinceMs : null };
}
