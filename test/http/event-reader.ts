import { onTestFinished } from 'vitest';
import { patienceMs } from './calls.ts';

export interface StreamedEvent {
  id: number;
  event: string;
  // biome-ignore lint/suspicious/noExplicitAny: what came is for the test to judge
  data: any;
}

/** A reader of Server-Sent Events. */
export class EventReader {
  readonly events: StreamedEvent[] = [];
  readonly response: Response;
  isOver = false;
  #text = '';
  #onChange: () => void = () => undefined;

  private constructor(response: Response) {
    this.response = response;
  }

  static async open(url: string, headers: Record<string, string> = {}): Promise<EventReader> {
    const over = new AbortController();
    const reader = new EventReader(await fetch(url, { headers, signal: over.signal }));
    onTestFinished(() => over.abort());
    if (reader.response.status === 200) void reader.#read();
    return reader;
  }

  get ids(): number[] {
    return this.events.map(({ id }) => id);
  }

  /** Waits for the first event that is wanted. */
  async next(isWanted: (event: StreamedEvent) => boolean): Promise<StreamedEvent> {
    await this.#until(() => this.events.some(isWanted), 'the event that is wanted');
    return this.events.find(isWanted) as StreamedEvent;
  }

  over(): Promise<void> {
    return this.#until(() => this.isOver, 'the end of the stream');
  }

  async #until(isThere: () => boolean, what: string): Promise<void> {
    if (isThere()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`No ${what} came; the last are ${JSON.stringify(this.events.slice(-3))}`)),
        patienceMs,
      );
      this.#onChange = () => {
        if (!isThere()) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #read(): Promise<void> {
    try {
      for await (const piece of this.response.body ?? []) this.#take(Buffer.from(piece).toString());
    } catch {
      // Cut off: over as well.
    }
    this.isOver = true;
    this.#onChange();
  }

  #take(text: string): void {
    const messages = (this.#text + text).split('\n\n');
    this.#text = messages.pop() ?? '';
    for (const message of messages) {
      const fields = Object.fromEntries(message.split('\n').map((line) => line.split(/: (.*)/s, 2)));
      if (fields.id !== undefined)
        this.events.push({ id: Number(fields.id), event: fields.event ?? '', data: JSON.parse(fields.data ?? '') });
    }
    this.#onChange();
  }
}
