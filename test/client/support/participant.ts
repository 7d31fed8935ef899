import { SimulatedClock } from 'xstate';
import {
  type ParticipateOptions,
  type Participation,
  type ProgressEvent,
  participate,
  tensor,
} from '../../../src/client/index.ts';
import { closing, type ScriptedServer } from './scripted-server.ts';

type EventOf<Type extends ProgressEvent['type']> = Extract<ProgressEvent, { type: Type }>;

export const update = (...values: number[]) => ({ tensors: { w: tensor(values) }, numExamples: 1 });

/** A client that takes part on a simulated clock; waits before a retry pass at once. */
export class Participant {
  readonly clock = new SimulatedClock();
  readonly events: ProgressEvent[] = [];
  readonly aborter = new AbortController();
  readonly done: Promise<Participation>;
  readonly #watchers = new Set<() => void>();

  constructor(server: Pick<ScriptedServer, 'url'>, options: Partial<ParticipateOptions> = {}) {
    this.done = participate({
      url: server.url,
      train: () => update(1),
      clock: this.clock,
      random: () => 0.5,
      signal: this.aborter.signal,
      ...options,
      onProgress: (event) => {
        options.onProgress?.(event);
        this.events.push(event);
        if (event.type === 'retrying') setImmediate(() => this.clock.increment(event.delayMs));
        for (const watcher of [...this.#watchers]) watcher();
      },
    });
    // Looked at by each test; here it only must not count as unhandled meanwhile.
    this.done.catch(() => undefined);
    closing.push(() => {
      this.aborter.abort();
      return this.done.catch(() => undefined);
    });
  }

  of<Type extends ProgressEvent['type']>(type: Type): EventOf<Type>[] {
    return this.events.filter((event): event is EventOf<Type> => event.type === type);
  }

  /** The types of what happened, in order. */
  get story(): string[] {
    return this.events.map(({ type }) => type);
  }

  /** Resolves with the event, as soon as there is one (the `nth`, from 1). */
  async saw<Type extends ProgressEvent['type']>(type: Type, nth = 1): Promise<EventOf<Type>> {
    for (;;) {
      const event = this.of(type)[nth - 1];
      if (event) return event;
      await new Promise<void>((resolve) => this.#watchers.add(resolve));
      this.#watchers.clear();
    }
  }

  /** Lets time pass in steps, with room for what it sets off. */
  async pass(ms: number, stepMs = 100): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.clock.increment(Math.min(stepMs, ms - passed));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** What a promise that shall fail fails with. */
export async function failureOf(promise: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await promise;
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error('It did not fail');
}
