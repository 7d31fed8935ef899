import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import type { Status } from '../../domain/handle.ts';
import type { Api } from '../api/api.ts';
import { CommandFailure } from '../failure.ts';
import { statusLine, statusLines } from '../render/status.ts';
import { styleFor } from '../render/style.ts';

/** So often a screen is drawn when nothing happens, for the countdown; also how soon a lost server is tried again. */
const tickMs = 1_000;
/** Events in quick succession are shown together; more often than this nobody can read. */
const calmMs = 150;

/** Follows the status until Ctrl-C: redrawn in place on a terminal, else a line for every change. */
export async function watchStatus(api: Api, { json }: { json: boolean }): Promise<void> {
  const over = new AbortController();
  process.once('SIGINT', () => over.abort());
  process.once('SIGTERM', () => over.abort());
  const { signal } = over;
  const show = json
    ? changes((status) => JSON.stringify(status))
    : process.stdout.isTTY
      ? screen()
      : changes(statusLine);
  const news = followNews(api, signal);
  try {
    // The first answer must come: a wrong address is not something to wait for.
    show(await api.json<Status>('/v1/status', { signal }));
    while (!signal.aborted) {
      await news.wait(tickMs);
      if (signal.aborted) break;
      show(await api.json<Status>('/v1/status', { signal }).catch(lost));
      await sleep(calmMs, undefined, { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    over.abort();
  }
}

type Show = (status: Status | CommandFailure) => void;

function lost(error: unknown): CommandFailure {
  if (error instanceof CommandFailure) return error;
  throw error;
}

/** A line for every change of what `lineOf` says. */
function changes(lineOf: (status: Status) => string): Show {
  let last = '';
  return (status) => {
    const line = status instanceof CommandFailure ? null : lineOf(status);
    const text = line ?? (status as CommandFailure).message;
    // What counts up by itself is no change.
    const comparable = text.replace(/"uptimeMs":[\d.]+/, '');
    if (comparable === last) return;
    last = comparable;
    (line === null ? process.stderr : process.stdout).write(`${text}\n`);
  };
}

/** Draws over what was drawn before, in one write, so that nothing flickers. */
function screen(): Show {
  const style = styleFor(process.stdout);
  let rowsDrawn = 0;
  return (status) => {
    const lines =
      status instanceof CommandFailure
        ? [style.bad(status.message), 'Trying again.']
        : [...statusLines(status, Date.now(), style), style.faint('Ctrl-C ends this; the server goes on.')];
    process.stdout.write(`${eraseRows(rowsDrawn)}${lines.join('\n')}\n`);
    rowsDrawn = rowsOf(lines, process.stdout.columns);
  };
}

const eraseRows = (rows: number): string => (rows > 0 ? `\u001b[${rows}A\u001b[0J` : '');

/** Columns of a terminal that does not tell how many it has: those say 0, or nothing. */
const usualColumns = 80;

/** How many rows lines take on a screen that breaks those that are too long. */
export function rowsOf(lines: readonly string[], columns = 0): number {
  const width = columns || usualColumns;
  const rows = lines
    .flatMap((line) => line.split('\n'))
    .map((line) => Math.max(1, Math.ceil(stripVTControlCharacters(line).length / width)));
  return rows.reduce((sum, count) => sum + count, 0);
}

/** Listens to the event stream, and comes back to it when it breaks. What happened is read from the status. */
function followNews(api: Api, signal: AbortSignal): { wait(msMax: number): Promise<void> } {
  let wake: () => void = () => undefined;
  const follow = async () => {
    while (!signal.aborted) {
      try {
        const { body } = await api.open('/v1/events', { signal });
        for await (const _ of body ?? []) wake();
      } catch {
        // Without the stream, the status is read once a second all the same.
      }
      await sleep(tickMs, undefined, { signal }).catch(() => undefined);
    }
  };
  void follow();
  return {
    wait: (msMax) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, msMax);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        signal.addEventListener('abort', wake, { once: true });
      }),
  };
}
