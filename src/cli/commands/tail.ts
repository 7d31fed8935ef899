import { setTimeout as sleep } from 'node:timers/promises';
import { type Connection, publicApi } from '../api/connection.ts';
import { readEvents } from '../api/event-stream.ts';
import { CommandFailure } from '../failure.ts';
import { eventLine, eventStyle } from '../render/event.ts';
import { timeOfDay, timestamp } from '../render/format.ts';
import { styleFor } from '../render/style.ts';
import { print } from './output.ts';

/** How soon a server that was lost is tried again, ms. */
const retryMs = 1_000;

async function* none(): AsyncGenerator<never> {}

export interface TailOptions extends Connection {
  /** Also what happened before, as far as it is kept. */
  all?: boolean;
  json?: boolean;
}

/** `chorus tail`: what happens, a line each, until Ctrl-C. A stream that breaks is gone on with where it broke. */
export async function tailEvents(options: TailOptions): Promise<void> {
  const api = publicApi(options);
  const over = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => over.abort());
  const { signal } = over;
  const style = styleFor(process.stdout);
  // On a terminal one looks at what happens now; what is kept in a file needs its day.
  const time = process.stdout.isTTY ? timeOfDay : timestamp;
  let lastId: number | null = options.all ? 0 : null;
  let isFirst = true;
  let isLost = false;
  while (!signal.aborted) {
    try {
      const { body } = await api.open(`/v1/events${lastId === null ? '' : `?lastEventId=${lastId}`}`, { signal });
      if (isLost) process.stderr.write('The server is back.\n');
      [isFirst, isLost] = [false, false];
      for await (const event of readEvents(body ?? none())) {
        lastId = event.id;
        if (options.json) print(JSON.stringify(event));
        else print(`${style.faint(time(event.atMs))}  ${eventStyle(event, style)(eventLine(event))}`);
      }
    } catch (error) {
      if (signal.aborted) break;
      // A wrong address is not something to wait for.
      if (isFirst) throw error;
      if (!isLost && error instanceof CommandFailure) process.stderr.write(`${error.message}\nTrying again.\n`);
      isLost = true;
    }
    await sleep(retryMs, undefined, { signal }).catch(() => undefined);
  }
}
