export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** Something that happened at one moment of a span. */
export interface SpanEvent {
  name: string;
  atMs: number;
  attributes: Attributes;
}

/** How it ended. `none`: neither well nor badly. */
export type SpanStatus = { kind: 'ok' } | { kind: 'none' } | { kind: 'error'; message: string };

/** A span, whoever takes it. Nothing secret is in it. Times are Unix ms. */
export interface TraceSpan {
  traceId: string;
  spanId: string;
  /** null: it is the trace's root. */
  parentId: string | null;
  name: string;
  startMs: number;
  endMs: number;
  attributes: Attributes;
  events: readonly SpanEvent[];
  status: SpanStatus;
}
