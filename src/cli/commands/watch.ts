import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import type { ChorusEvent, RunView, Status } from '../../domain/handle.ts';
import type { Api } from '../api/api.ts';
import { readEvents } from '../api/event-stream.ts';
import { CommandFailure } from '../failure.ts';
import { type RoundPoint, screenLines } from '../render/screen.ts';
import { statusLine } from '../render/status.ts';
import { styleFor } from '../render/style.ts';
import { wrap } from '../render/wrap.ts';

/** So often a screen is drawn when nothing happens, for the countdown; also how soon a lost server is tried again. */
const tickMs = 1_000;
/** Events in quick succession are shown together; more often than this nobody can read. */
const calmMs = 150;

/** Events kept: more than any screen has rows. */
const eventsKeptMax = 500;

/** Attempts asked for, for the curves. */
const roundsAsked = 100;

/** Follows the status until Ctrl-C: redrawn in place on a terminal, else a line for every change. */
export async function watchStatus(api: Api, { json }: { json: boolean }): Promise<void> {
  const over = new AbortController();
  process.once('SIGINT', () => over.abort());
  process.once('SIGTERM', () => over.abort());
  const { signal } = over;
  const news = followNews(api, signal);
  const show = json
    ? changes((status) => JSON.stringify(status))
    : process.stdout.isTTY
      ? screen(api, news.events, signal)
      : changes(statusLine);
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

/** The whole screen, drawn in one write and over what was there, so that nothing flickers; given back at the end. */
function screen(api: Api, events: readonly ChorusEvent[], signal: AbortSignal): Show {
  const style = styleFor(process.stdout);
  let rounds: RoundPoint[] = [];
  let run: RunView | null = null;
  let known = '';
  let last: Status | CommandFailure | null = null;
  const draw = (lines: readonly string[]) => process.stdout.write(screenText(lines, process.stdout));
  const shown = () => {
    if (!last || signal.aborted) return;
    const { columns, rows } = sizeOf(process.stdout);
    if (last instanceof CommandFailure) {
      draw(wrap(`${last.message} Trying again.`, columns).map(style.bad));
      return;
    }
    const plan = run?.run === last.run ? run.plan : null;
    draw(screenLines({ status: last, plan, rounds, events, nowMs: Date.now() }, { columns, rows }, style));
  };
  holdScreen(shown, signal);
  return (status) => {
    last = status;
    if (status instanceof CommandFailure) {
      shown();
      return;
    }
    const key = `${status.run} ${status.modelVersion} ${status.kind}`;
    if (key !== known) {
      known = key;
      // Curves and the plan may be late, the status may not.
      const asked = [
        api.json<{ rounds: RoundPoint[] }>(`/dashboard/rounds?limit=${roundsAsked}`, { signal }).then((answer) => {
          rounds = answer.rounds;
        }),
        status.run !== null &&
          status.run !== run?.run &&
          api.json<RunView>('/v1/runs/current', { signal }).then((answer) => {
            run = answer;
          }),
      ];
      void Promise.allSettled(asked).then(shown);
    }
    shown();
  };
}

/** The terminal's second screen, without a cursor, and with lines that are too long cut rather than broken; and back. */
const takeScreen = '\u001b[?1049h\u001b[?25l\u001b[?7l';
const giveBackScreen = '\u001b[?7h\u001b[?25h\u001b[?1049l';

/** Has the terminal until it is over; lent back while the process is stopped by Ctrl-Z. @param draw for another size, say */
function holdScreen(draw: () => void, signal: AbortSignal): void {
  const { stdout } = process;
  const stop = () => {
    stdout.write(giveBackScreen);
    process.kill(process.pid, 'SIGSTOP');
  };
  const goOn = () => {
    stdout.write(takeScreen);
    draw();
  };
  stdout.write(takeScreen);
  stdout.on('resize', draw);
  process.on('SIGTSTP', stop).on('SIGCONT', goOn);
  signal.addEventListener(
    'abort',
    () => {
      stdout.off('resize', draw);
      process.off('SIGTSTP', stop).off('SIGCONT', goOn);
      stdout.write(giveBackScreen);
    },
    { once: true },
  );
}

/** Columns and rows of a terminal that does not tell how many it has: those say 0, or nothing. */
const usualColumns = 80;
const usualRows = 24;

const sizeOf = ({ columns = 0, rows = 0 }: { columns?: number; rows?: number }) => ({
  columns: columns || usualColumns,
  rows: rows || usualRows,
});

/** Lines as they are to be written over a screen: cut to its height, long ones broken by the terminal. */
export function screenText(lines: readonly string[], terminal: { columns?: number; rows?: number }): string {
  const { columns, rows } = sizeOf(terminal);
  const shown: string[] = [];
  let left = rows - 1;
  for (const line of lines.flatMap((one) => one.split('\n'))) {
    left -= Math.max(1, Math.ceil(stripVTControlCharacters(line).length / columns));
    if (left < 0) break;
    shown.push(`${line}\u001b[K\n`);
  }
  return `\u001b[H${shown.join('')}\u001b[J`;
}

/** Listens to the event stream, and comes back to it where it broke. How things stand is read from the status. */
function followNews(
  api: Api,
  signal: AbortSignal,
): { events: readonly ChorusEvent[]; wait(msMax: number): Promise<void> } {
  let isNew = false;
  let wake: () => void = () => undefined;
  const events: ChorusEvent[] = [];
  const follow = async () => {
    while (!signal.aborted) {
      try {
        const { body } = await api.open(`/v1/events?lastEventId=${events.at(-1)?.id ?? 0}`, { signal });
        for await (const event of body ? readEvents(body) : []) {
          events.push(event);
          if (events.length > eventsKeptMax) events.shift();
          isNew = true;
          wake();
        }
      } catch {
        // Without the stream, the status is read once a second all the same.
      }
      await sleep(tickMs, undefined, { signal }).catch(() => undefined);
    }
  };
  void follow();
  const until = (msMax: number) =>
    new Promise<void>((resolve) => {
      const over = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', over);
        resolve();
      };
      const timer = setTimeout(over, msMax);
      signal.addEventListener('abort', over);
      wake = over;
    });
  return {
    events,
    wait: async (msMax) => {
      if (!isNew) await until(msMax);
      isNew = false;
    },
  };
}
