import type { AggregatorService, ServiceAnswer } from '../domain/aggregation.ts';
import type { Clock } from '../domain/clock.ts';
import type { Refusal } from '../domain/errors.ts';

/** One life of the service: a worker thread, or an object in this thread. */
export interface ServiceLink {
  readonly service: AggregatorService;
  /** Settles when the service is gone, with the reason; never rejects. */
  readonly gone: Promise<string>;
  /** Ends it at once. Idempotent. */
  kill(): void;
}

/** Longest wait for an answer that needs no heavy work, ms. */
export const callMsMax = 10_000;

/** Calls to the life of the service that there is. One that dies, or does not answer in time, refuses; none hangs. */
export class ServiceCalls {
  readonly #clock: Clock;
  #link: ServiceLink | null = null;
  /** Calls without an answer yet. */
  readonly #pending = new WeakMap<ServiceLink, Set<(refusal: Refusal) => void>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get link(): ServiceLink | null {
    return this.#link;
  }

  set link(link: ServiceLink | null) {
    this.#link = link;
  }

  /** The service is gone: every call to it is refused. */
  refuse(link: ServiceLink, reason: string): void {
    for (const settle of this.#pending.get(link) ?? []) settle(unavailable(reason));
  }

  /** Races an answer with the service's end and with time. */
  ask<T>(
    call: (service: AggregatorService) => Promise<ServiceAnswer<T>>,
    msMax: number = callMsMax,
  ): Promise<ServiceAnswer<T>> {
    const link = this.#link;
    if (!link) return Promise.resolve(unavailable('It is restarting'));
    const pending = this.#pending.get(link) ?? new Set();
    this.#pending.set(link, pending);
    return new Promise((resolve) => {
      const settle = (answer: ServiceAnswer<T>) => {
        this.#clock.clearTimeout(timer);
        pending.delete(settle);
        resolve(answer);
      };
      pending.add(settle);
      const timer = this.#clock.setTimeout(() => {
        settle(unavailable('It does not answer'));
        // A service that is deaf is as good as dead, and is replaced like one.
        link.kill();
      }, msMax);
      call(link.service).then(settle, (error: unknown) => settle(unavailable(String(error))));
    });
  }

  /** @throws with the reason, when it refuses */
  async must(call: (service: AggregatorService) => Promise<ServiceAnswer<unknown>>): Promise<void> {
    const answer = await this.ask(call);
    if (answer.kind === 'refused') throw new Error(answer.detail);
  }
}

export const unavailable = (detail: string): Refusal => ({
  kind: 'refused',
  code: 'AGGREGATOR_UNAVAILABLE',
  detail: `The aggregator is not available: ${detail}`,
  retryAfterMs: 1_000,
});
