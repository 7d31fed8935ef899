import { setTimeout as sleep } from 'node:timers/promises';
import type { ChorusClient, Status } from '../../src/client/index.ts';

/** What is told of a run: a new model, or that there will be no more. */
export type RunNews =
  | { kind: 'committed'; round: number; modelVersion: number; contributions: number; atMs: number }
  | { kind: 'over'; runState: Status['runState'] };

export interface Followed {
  /** The coordinator's. */
  url: string;
  client: ChorusClient;
  run: string;
  signal: AbortSignal;
}

/** A stream that breaks is opened again after so long, and given up after so many times in a row. */
const reconnectMs = 1_000;
const reconnectsMax = 30;

export const isOver = (runState: string): boolean => runState === 'finished' || runState === 'stopped';

/**
 * Follows a run by the server's events, from its first that is still kept to its end. A stream that breaks is resumed
 * where it broke.
 * @throws the signal's reason, or the last failure when the server stays away.
 */
export async function* followRun({ url, client, run, signal }: Followed): AsyncGenerator<RunNews> {
  let lastEventId = '0';
  for (let failures = 0; ; failures += 1) {
    try {
      const response = await fetch(`${url}/v1/events`, { headers: { 'last-event-id': lastEventId }, signal });
      if (!response.ok || !response.body) throw new Error(`GET ${url}/v1/events was answered ${response.status}`);
      for await (const event of readEvents(response.body)) {
        failures = 0;
        lastEventId = event.id;
        const news = newsOf(event, run);
        if (news) yield news;
        if (news?.kind === 'over') return;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (failures >= reconnectsMax) throw error;
    }
    await sleep(reconnectMs, undefined, { signal });
    await mustGoOn(client, run, signal);
  }
}

/** A server that restarted without its run counts its events anew, and would leave us waiting. */
async function mustGoOn(client: ChorusClient, run: string, signal: AbortSignal): Promise<void> {
  const status = await client.status({ signal }).catch(() => null);
  signal.throwIfAborted();
  if (status && status.run !== run) throw new Error(`The server has begun another run meanwhile; ${run} is gone`);
}

interface ServerEvent {
  id: string;
  type: string;
  atMs: number;
  data: Record<string, unknown>;
}

function newsOf({ type, atMs, data }: ServerEvent, run: string): RunNews | null {
  if (data.run !== run) return null;
  if (type === 'phase' && isOver(String(data.runState))) {
    return { kind: 'over', runState: data.runState as Status['runState'] };
  }
  if (type !== 'round.committed') return null;
  const { round, modelVersion, contributions } = data as Record<string, number>;
  return {
    kind: 'committed',
    round: round ?? 0,
    modelVersion: modelVersion ?? 0,
    contributions: contributions ?? 0,
    atMs,
  };
}

/** Longest event that is taken for one, characters. */
const eventLengthMax = 1_048_576;

/** Reads Server-Sent Events as this server writes them: `id`, `event` and one line of `data`. */
async function* readEvents(stream: AsyncIterable<Uint8Array>): AsyncGenerator<ServerEvent> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    if (text.length > eventLengthMax) throw new Error(`An event is longer than ${eventLengthMax} characters`);
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: ?(.*)/s, 2)));
      if (fields.data === undefined) continue;
      const { atMs, data } = JSON.parse(fields.data) as Pick<ServerEvent, 'atMs' | 'data'>;
      yield { id: fields.id ?? '0', type: fields.event ?? '', atMs, data };
    }
  }
}
