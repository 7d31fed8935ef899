/** Spans by what became of them: taken by the collector, not taken, or never sent because too many waited. */
export type SpanCounts = Readonly<Record<'sent' | 'failed' | 'dropped', number>>;
