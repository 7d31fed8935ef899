import type { Clock } from '../domain/clock.ts';
import { messageOf } from '../domain/words.ts';
import { ChorusHttpError, ChorusNetworkError, isRefusal, ServerUnavailableError } from './errors.ts';
import { sleep } from './timers.ts';

/** How long and how often a call that fails is tried again. */
export interface RetryBounds {
  /** The first delay is up to so long, the next up to twice that, and so on, ms. @default 500 */
  delayMsBase: number;
  /** No delay is longer, unless the server asks for it by Retry-After, ms. @default 10,000 */
  delayMsMax: number;
  /** Attempts at one call, the first included. @default 120 */
  attemptsMax: number;
  /** A call is given up so long after its first failure, ms: how long an outage is ridden out. @default 300,000 */
  elapsedMsMax: number;
}

export const defaultRetryBounds: RetryBounds = {
  delayMsBase: 500,
  delayMsMax: 10_000,
  attemptsMax: 120,
  elapsedMsMax: 300_000,
};

/** No retry comes sooner, however the dice fall, ms. */
export const retryDelayMsMin = 50;

/**
 * Exponential backoff with full jitter: uniform up to min(delayMsMax, delayMsBase · 2^(attempt − 1)). After Brooker 2015,
 * "Exponential Backoff And Jitter". @param random uniform in [0, 1). @param attempt attempts that failed, from 1.
 */
export function backoffMs(attempt: number, { delayMsBase, delayMsMax }: RetryBounds, random: () => number): number {
  const ceilingMs = Math.min(delayMsMax, delayMsBase * 2 ** (attempt - 1));
  return Math.max(retryDelayMsMin, random() * ceilingMs);
}

/** Whether the same call may go well later: no usable answer, or one that says "not now". */
export function mayPass(error: unknown): boolean {
  if (error instanceof ChorusNetworkError) return true;
  if (!(error instanceof ChorusHttpError)) return false;
  if (isRefusal(error, 'DOWNLOADS_EXHAUSTED')) return false;
  if (isRefusal(error, 'UPLOAD_IN_PROGRESS', 'PAYLOAD_TRUNCATED')) return true;
  return error.status === 408 || error.status === 425 || error.status === 429 || error.status >= 500;
}

export interface RetryOptions {
  clock: Clock;
  random: () => number;
  bounds: RetryBounds;
  signal: AbortSignal;
  /** Unix ms after which another attempt is of no use. @default none */
  untilMs?: number;
  /** Told before each wait. */
  onRetry: (retry: { attempt: number; delayMs: number; error: unknown }) => void;
}

/**
 * Calls until it goes well. Failures that time does not mend are thrown at once.
 * @throws ServerUnavailableError when the bounds are used up, or Retry-After points beyond them; the signal's reason.
 */
export async function retry<T>(name: string, act: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { clock, random, bounds, signal, untilMs = Number.POSITIVE_INFINITY, onRetry } = options;
  let failedAtMs: number | null = null;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await act();
    } catch (error) {
      signal.throwIfAborted();
      if (!mayPass(error)) throw error;
      const nowMs = clock.now();
      failedAtMs ??= nowMs;
      const leftMs = Math.min(failedAtMs + bounds.elapsedMsMax, untilMs) - nowMs;
      const delayMs = delayAfter(
        error,
        attempt,
        { ...bounds, delayMsMax: Math.min(bounds.delayMsMax, leftMs) },
        random,
      );
      if (attempt >= bounds.attemptsMax || delayMs > leftMs) {
        throw gaveUp(name, { attempts: attempt, elapsedMs: nowMs - failedAtMs, cause: error });
      }
      onRetry({ attempt, delayMs, error });
      await sleep(clock, delayMs, signal);
    }
  }
}

/** Retry-After is kept to, and spread a little: all that were refused together would come back together. */
function delayAfter(error: unknown, attempt: number, bounds: RetryBounds, random: () => number): number {
  const retryAfterMs = error instanceof ChorusHttpError ? error.retryAfterMs : null;
  if (retryAfterMs === null) return Math.round(backoffMs(attempt, bounds, random));
  return Math.round(Math.max(retryDelayMsMin, retryAfterMs + random() * bounds.delayMsBase));
}

function gaveUp(
  name: string,
  failure: { attempts: number; elapsedMs: number; cause: unknown },
): ServerUnavailableError {
  const times =
    failure.attempts === 1 ? 'once' : `${failure.attempts} times in ${Math.round(failure.elapsedMs / 1_000)} s`;
  return new ServerUnavailableError(
    `${name} failed ${times} and is given up; the last failure: ${messageOf(failure.cause)}`,
    failure,
  );
}
