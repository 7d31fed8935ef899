import type { ChorusEvent } from '../domain/handle.ts';
import type { SpanEvent } from './trace-span.ts';

/** Noted of one attempt; what comes after is left out. */
const notesMax = 1_000;

/** What is told of an attempt and is not in its record. */
export interface AttemptNotes {
  /** When the model began to be stored; null: it did not. */
  committingAtMs: number | null;
  events: readonly SpanEvent[];
  /** By client. */
  clients: ReadonlyMap<string, readonly SpanEvent[]>;
}

/** Takes down, from one attempt's end to the next, what only the events say. Bounded. */
export class NoteTaker {
  #committingAtMs: number | null = null;
  #events: SpanEvent[] = [];
  #clients = new Map<string, SpanEvent[]>();
  #count = 0;

  /** The server was started with an attempt open. */
  resumed(atMs: number): void {
    this.#add({ name: 'server.restarted', atMs, attributes: {} });
  }

  take({ type, atMs, data }: ChorusEvent): void {
    if (type === 'phase' && data.phase === 'committing') this.#committingAtMs = atMs;
    else if (type === 'update.refused')
      this.#add({ name: type, atMs, attributes: picked(data, 'code') }, data.clientId);
    else if (type === 'update.discarded')
      this.#add({ name: type, atMs, attributes: picked(data, 'detail') }, data.clientId);
    else if (type === 'operation') this.#add({ name: type, atMs, attributes: picked(data, 'operation', 'sentence') });
    else if (type === 'aggregator.lost') this.#add({ name: type, atMs, attributes: picked(data, 'reason') });
    else if (type === 'aggregator.restarted') this.#add({ name: type, atMs, attributes: {} });
  }

  /** The attempt is over. @returns its notes; the next has none yet. */
  finish(): AttemptNotes {
    const notes = { committingAtMs: this.#committingAtMs, events: this.#events, clients: this.#clients };
    this.#committingAtMs = null;
    this.#events = [];
    this.#clients = new Map();
    this.#count = 0;
    return notes;
  }

  #add(event: SpanEvent, clientId?: unknown): void {
    if (this.#count === notesMax) return;
    this.#count += 1;
    if (typeof clientId !== 'string') {
      this.#events.push(event);
      return;
    }
    const own = this.#clients.get(clientId);
    if (own) own.push(event);
    else this.#clients.set(clientId, [event]);
  }
}

const picked = (data: ChorusEvent['data'], ...names: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.flatMap((name) => (typeof data[name] === 'string' ? [[name, data[name]]] : [])));
