import type { Clock } from '../domain/clock.ts';

export interface PaceBounds {
  /** How many may come at once after a rest. */
  burst: number;
  /** And then one every so many ms. */
  everyMs: number;
}

/** A token bucket: keeps a loop from turning hot whatever it is answered. */
export class Pace {
  readonly #clock: Clock;
  readonly #bounds: PaceBounds;
  #tokens: number;
  #countedAtMs: number;

  constructor(clock: Clock, bounds: PaceBounds) {
    this.#clock = clock;
    this.#bounds = bounds;
    this.#tokens = bounds.burst;
    this.#countedAtMs = clock.now();
  }

  /** Takes a turn. @returns how long to wait for it, ms. */
  take(): number {
    const { burst, everyMs } = this.#bounds;
    const nowMs = this.#clock.now();
    const restedMs = Math.max(0, nowMs - this.#countedAtMs);
    this.#tokens = Math.min(burst, this.#tokens + restedMs / everyMs) - 1;
    this.#countedAtMs = nowMs;
    return this.#tokens >= 0 ? 0 : -this.#tokens * everyMs;
  }
}
