import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

/** A span as OTLP has it in JSON, with its attributes as an object. */
export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string | null;
  name: string;
  startMs: number;
  endMs: number;
  attributes: Record<string, unknown>;
  events: { name: string; attributes: Record<string, unknown> }[];
  status: { code?: number; message?: string };
}

interface Attribute {
  key: string;
  value: Record<string, unknown>;
}

type RawSpan = Omit<ReceivedSpan, 'attributes' | 'events' | 'startMs' | 'endMs' | 'parentSpanId'> & {
  parentSpanId?: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: Attribute[];
  events: { name: string; attributes: Attribute[] }[];
};

const patienceMs = 20_000;

/** An OTLP/HTTP collector on a free port, which keeps the spans that it is sent. */
export class Collector {
  readonly spans: ReceivedSpan[] = [];
  readonly requests: { url: string; headers: IncomingHttpHeaders; body: string }[] = [];
  readonly #watchers = new Set<() => void>();
  /** Answers with this status. */
  status = 200;

  private constructor(readonly url: string) {}

  static async start(): Promise<Collector> {
    const server = createServer((request, response) => {
      void text(request).then((body) => {
        collector.#take(request.url ?? '', request.headers, body);
        response.writeHead(collector.status, { 'content-type': 'application/json' }).end('{}');
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (typeof address !== 'object' || address === null) throw new Error('The collector has no port');
    const collector = new Collector(`http://127.0.0.1:${address.port}`);
    onTestFinished(() => {
      server.close();
      server.closeAllConnections();
    });
    return collector;
  }

  /** Waits until a span has come that is meant. */
  async saw(isIt: (span: ReceivedSpan) => boolean): Promise<ReceivedSpan> {
    const deadlineAtMs = Date.now() + patienceMs;
    for (;;) {
      const found = this.spans.find(isIt);
      if (found) return found;
      if (Date.now() > deadlineAtMs) throw new Error(`Only these spans came: ${JSON.stringify(this.spans)}`);
      await this.#next(deadlineAtMs);
    }
  }

  async requested(times: number): Promise<void> {
    const deadlineAtMs = Date.now() + patienceMs;
    while (this.requests.length < times) {
      if (Date.now() > deadlineAtMs) throw new Error(`Only ${this.requests.length} requests came`);
      await this.#next(deadlineAtMs);
    }
  }

  named(name: string): ReceivedSpan[] {
    return this.spans.filter((span) => span.name === name);
  }

  /** The names below a span, indented, in order of their beginnings. */
  treeOf(root: ReceivedSpan): string[] {
    const below = this.spans
      .filter(({ parentSpanId }) => parentSpanId === root.spanId)
      .sort((a, b) => a.startMs - b.startMs || a.name.localeCompare(b.name));
    return [root.name, ...below.flatMap((span) => this.treeOf(span).map((line) => `  ${line}`))];
  }

  #take(url: string, headers: IncomingHttpHeaders, body: string): void {
    this.requests.push({ url, headers, body });
    if (this.status === 200) {
      const { resourceSpans } = JSON.parse(body) as { resourceSpans: { scopeSpans: { spans: RawSpan[] }[] }[] };
      this.spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)).map(read));
    }
    for (const wake of this.#watchers) wake();
    this.#watchers.clear();
  }

  #next(deadlineAtMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, deadlineAtMs - Date.now()));
      this.#watchers.add(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

const read = ({ startTimeUnixNano, endTimeUnixNano, attributes, events, parentSpanId, ...span }: RawSpan) => ({
  ...span,
  parentSpanId: parentSpanId || null,
  startMs: Number(startTimeUnixNano) / 1e6,
  endMs: Number(endTimeUnixNano) / 1e6,
  attributes: valuesOf(attributes),
  events: events.map(({ name, attributes }) => ({ name, attributes: valuesOf(attributes) })),
});

const valuesOf = (attributes: readonly Attribute[]): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
