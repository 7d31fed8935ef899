import { ChorusError } from '../domain/errors.ts';

/** Keys whose requests are counted, in each of two generations. */
const keysMax = 50_000;
const windowMs = 60_000;

interface Window {
  startedAtMs: number;
  requests: number;
}

/**
 * Counts requests by key, in windows of a minute that begin with a key's first request. The last 50,000 keys seen are
 * always known, never more than twice as many; the longest unseen are forgotten first, all at once, which costs nothing.
 */
export class Rates {
  readonly #now: () => number;
  #recent = new Map<string, Window>();
  #older = new Map<string, Window>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Whether one more request would be too many. */
  isExhausted(key: string, max: number): boolean {
    const window = this.#recent.get(key) ?? this.#older.get(key);
    return window !== undefined && window.requests >= max && this.#now() < window.startedAtMs + windowMs;
  }

  /** Counts a request. @throws RATE_LIMITED */
  count(key: string, max: number): void {
    const nowMs = this.#now();
    const window = this.#windowOf(key, nowMs);
    window.requests += 1;
    if (window.requests <= max) return;
    const retryAfterMs = window.startedAtMs + windowMs - nowMs;
    throw new ChorusError('RATE_LIMITED', `More than ${max} requests in a minute`, { retryAfterMs });
  }

  #windowOf(key: string, nowMs: number): Window {
    let window = this.#recent.get(key);
    if (!window) {
      window = this.#older.get(key) ?? { startedAtMs: nowMs, requests: 0 };
      this.#remember(key, window);
    }
    if (nowMs >= window.startedAtMs + windowMs) {
      window.startedAtMs = nowMs;
      window.requests = 0;
    }
    return window;
  }

  #remember(key: string, window: Window): void {
    if (this.#recent.size >= keysMax) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(key, window);
  }
}
