import type { Answer } from './answers.ts';
import type { Chance } from './chance.ts';

const delayMsBase = 500;
const delayMsMax = 10_000;
const delayMsMin = 50;

/** When the client package would try again: exponential backoff with full jitter, or as the server asks. */
export function retryDelayMs(answer: Answer<unknown>, failures: number, chance: Chance): number {
  if (answer.kind === 'refused' && answer.retryAfterMs !== undefined) {
    return Math.max(delayMsMin, answer.retryAfterMs + chance.between(0, delayMsBase));
  }
  return Math.max(delayMsMin, chance.between(0, Math.min(delayMsMax, delayMsBase * 2 ** Math.min(failures, 10))));
}
