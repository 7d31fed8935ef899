import type { ClientMarks, Contribution, Exclusion, RoundRecord } from '../domain/handle.ts';
import { attemptSpanId, traceIdOf } from './ids.ts';
import type { Attributes, SpanEvent, SpanStatus, TraceSpan } from './trace-span.ts';

/** What became of a client in an attempt. */
export interface Session {
  marks: ClientMarks;
  contribution: Contribution | undefined;
  exclusion: Exclusion | undefined;
  notes: readonly SpanEvent[];
}

/** A client's span in an attempt that is over, and one below it for each phase that it came to. */
export function* clientSpans(record: RoundRecord, session: Session): Generator<TraceSpan> {
  const { marks, contribution, exclusion, notes } = session;
  const { clientId, selectedAtMs: startMs } = marks;
  const settledAtMs = contribution?.acceptedAtMs ?? exclusion?.atMs ?? record.endedAtMs ?? startMs;
  const endMs = Math.max(startMs, settledAtMs);
  const traceId = traceIdOf(record);
  const spanId = attemptSpanId(record, clientId);
  const about = { 'chorus.client.id': clientId, 'chorus.round': record.round, 'chorus.attempt': record.attempt };
  const status = statusOf(session);
  yield {
    ...{ traceId, spanId, parentId: attemptSpanId(record), name: 'client', startMs, endMs, status },
    attributes: { ...about, ...outcomeOf(session) },
    events: contribution ? [...notes, receiptOf(contribution)] : notes,
  };
  const phases = phasesOf(record, marks);
  for (const [index, { name, atMs }] of phases.entries()) {
    const nextAtMs = phases[index + 1]?.atMs ?? endMs;
    yield {
      ...{ traceId, spanId: attemptSpanId(record, clientId, name), parentId: spanId },
      name: `client ${name}`,
      startMs: atMs,
      endMs: Math.max(atMs, nextAtMs),
      attributes: about,
      events: [],
      // Whatever went wrong did so in the last of them.
      status: index === phases.length - 1 ? status : { kind: 'none' },
    };
  }
}

interface Phase {
  name: string;
  atMs: number;
}

/** The phases a client came to, each until the next begins. Marks of two threads may be out of order by a little. */
function phasesOf({ kind }: RoundRecord, marks: ClientMarks): Phase[] {
  const work: [string, number | null][] =
    // When one that evaluates has the model is not known.
    kind === 'evaluation'
      ? [['evaluating', marks.startedAtMs]]
      : [
          // Of one that was lost with its attempt the server does not know how far it came.
          [(marks.downloadedAtMs ?? marks.uploadingAtMs) === null ? 'working' : 'downloading', marks.startedAtMs],
          ['training', marks.downloadedAtMs],
          ['uploading', marks.uploadingAtMs],
        ];
  const begins: [string, number | null][] = [['selected', marks.selectedAtMs], ...work];
  const phases: Phase[] = [];
  for (const [name, beganAtMs] of begins) {
    if (beganAtMs !== null) phases.push({ name, atMs: Math.max(beganAtMs, phases.at(-1)?.atMs ?? beganAtMs) });
  }
  return phases;
}

/** A client that is not needed any more has done nothing wrong, and nor has one that goes on in the next round. */
function statusOf({ contribution, exclusion }: Session): SpanStatus {
  if (contribution) return { kind: 'ok' };
  if (!exclusion || exclusion.reason === 'notNeeded') return { kind: 'none' };
  const { reason, code } = exclusion;
  return { kind: 'error', message: code === undefined ? reason : `${reason}: ${code}` };
}

function outcomeOf({ contribution, exclusion }: Session): Attributes {
  if (contribution) return { 'chorus.client.outcome': 'done', ...receiptAttributes(contribution) };
  if (!exclusion) return { 'chorus.client.outcome': 'goesOn' };
  const { reason, code } = exclusion;
  const why = { 'chorus.client.outcome': 'lost', 'chorus.client.reason': reason };
  return reason === 'notNeeded' ? why : { ...why, 'error.type': code ?? reason };
}

const receiptOf = (contribution: Contribution): SpanEvent => ({
  name: 'receipt',
  atMs: contribution.acceptedAtMs,
  attributes: receiptAttributes(contribution),
});

const receiptAttributes = ({ round, clientId, sha256, numExamples, staleness }: Contribution): Attributes => ({
  'chorus.receipt.round': round,
  'chorus.receipt.client.id': clientId,
  'chorus.receipt.sha256': sha256,
  'chorus.receipt.num_examples': numExamples,
  ...(staleness === undefined ? {} : { 'chorus.receipt.staleness': staleness }),
});
