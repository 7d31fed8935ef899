/**
 * Time as an argument. The shape is XState's own clock with `now` added, so that one simulated clock drives machines,
 * deadlines and long-polls alike.
 */
export interface Clock {
  /** Unix time, ms. */
  now(): number;
  /** Time that has passed since some moment, ms: it never goes back or leaps, whoever sets the clock. @default now() */
  steadyMs?(): number;
  // biome-ignore lint/suspicious/noExplicitAny: XState's Clock types its timer ids so, and ours must be assignable to it
  setTimeout(callback: (...args: any[]) => void, delayMs: number): any;
  // biome-ignore lint/suspicious/noExplicitAny: see above
  clearTimeout(id: any): void;
}

/** The longest delay Node's timers take, ms; longer ones would fire at once. */
export const timerDelayMsMax = 2 ** 31 - 1;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  steadyMs: () => performance.now(),
  setTimeout: (callback, delayMs) => setTimeout(callback, Math.min(delayMs, timerDelayMsMax)),
  clearTimeout: (id) => clearTimeout(id),
};

/** How much time has passed, whoever set the clock meanwhile; for comparing with itself only. */
export const steadyMs = (clock: Clock): number => clock.steadyMs?.() ?? clock.now();
