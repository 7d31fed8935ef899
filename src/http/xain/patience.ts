import { setTimeout as delay } from 'node:timers/promises';
import { ChorusError, type ErrorCode } from '../../domain/errors.ts';

export interface Patience {
  /** Refusals that pass by themselves. */
  passing: readonly ErrorCode[];
  /** How long they are waited out, ms. */
  waitMsMax: number;
  /** Between two tries, ms. */
  retryMs: number;
  /** Nobody waits for the answer any more. */
  isGone: () => boolean;
}

export const isRefusal = (error: unknown, codes: readonly ErrorCode[]): boolean =>
  error instanceof ChorusError && codes.includes(error.code);

/**
 * Asks again while the refusal is one that passes: participants of this API take any status but 200 for the end, and
 * come back after none. @throws the refusal when it lasts; any other error at once
 */
export async function patiently<T>(
  ask: () => T | Promise<T>,
  { passing, waitMsMax, retryMs, isGone }: Patience,
): Promise<T> {
  const untilMs = performance.now() + waitMsMax;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isRefusal(error, passing) || isGone() || performance.now() >= untilMs) throw error;
    }
    await delay(retryMs);
  }
}
