import type { ServerResponse } from 'node:http';
import type { CoordinatorHandle, Heartbeat, HeartbeatWait } from '../domain/handle.ts';
import type { HttpLimits } from '../domain/http.ts';

/** Seconds of `Prefer: wait=N` (RFC 7240), or 0. */
function preferredWait(prefer: string | string[]): number {
  const [, seconds = '0'] = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})"?/i.exec([prefer].flat().join(',')) ?? [];
  return Number(seconds);
}

export interface AskedHeartbeat {
  clientId: string;
  prefer: string | string[] | undefined;
  known: HeartbeatWait['known'] | null | undefined;
}

/**
 * A heartbeat, answered at once, or held for as long as the client wishes and we allow, or until it is gone.
 * @throws CLIENT_UNKNOWN, SHUTTING_DOWN
 */
export function beat(
  { handle, limits }: { handle: CoordinatorHandle; limits: HttpLimits },
  { clientId, prefer, known }: AskedHeartbeat,
  response: ServerResponse,
): { waitSeconds: number; answer: Heartbeat | Promise<Heartbeat> } {
  const wanted = prefer === undefined ? 0 : preferredWait(prefer);
  if (wanted === 0) return { waitSeconds: 0, answer: handle.heartbeat(clientId) };
  const waitSeconds = Math.min(wanted, limits.waitSecondsMax);
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const wait = { waitMs: waitSeconds * 1_000, signal: gone.signal, ...(known ? { known } : {}) };
  return { waitSeconds, answer: handle.waitHeartbeat(clientId, wait) };
}
