import type { Clock } from '../domain/clock.ts';

/** Passes after `delayMs`. @throws the signal's reason, as soon as it is aborted. */
export function sleep(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(signal.reason);
  if (delayMs <= 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clock.clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = clock.setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, delayMs);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** What `promise` becomes, unless the signal is aborted first. @throws the signal's reason then. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/**
 * A controller that is aborted when `parent` is. `release` lets go of the parent: `AbortSignal.any` would stay hooked
 * to a parent that outlives it by days.
 */
export function childController(parent: AbortSignal | undefined): AbortController & { release(): void } {
  const controller = new AbortController();
  const onAbort = () => controller.abort(parent?.reason);
  if (parent?.aborted) onAbort();
  else parent?.addEventListener('abort', onAbort, { once: true });
  return Object.assign(controller, { release: () => parent?.removeEventListener('abort', onAbort) });
}

/** A wait was longer than it may be. */
export class TimedOut extends Error {
  override readonly name = 'TimedOut';
}

/**
 * Runs `act` for at most `msMax`, with a signal that is aborted then, or with `signal`. Returns at that moment even
 * when `act` does not heed it.
 * @throws TimedOut, the signal's reason, or what `act` throws.
 */
export async function within<T>(
  clock: Clock,
  { msMax, signal }: { msMax: number; signal: AbortSignal | undefined },
  act: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const bounded = childController(signal);
  const timer = clock.setTimeout(() => bounded.abort(new TimedOut(`No answer within ${msMax} ms`)), msMax);
  try {
    return await unlessAborted(act(bounded.signal), bounded.signal);
  } finally {
    clock.clearTimeout(timer);
    bounded.release();
  }
}
