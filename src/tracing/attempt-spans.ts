import type { RoundRecord } from '../domain/handle.ts';
import type { AttemptNotes } from './attempt-notes.ts';
import { clientSpans } from './client-spans.ts';
import { attemptSpanId, roundSpanId, traceIdOf } from './ids.ts';
import type { SpanStatus, TraceSpan } from './trace-span.ts';

/**
 * The spans of an attempt that is over, from its record: the attempt, its phases, and its clients with theirs; one at a
 * time, since a cohort can be large. Clients whose steps the record does not have are counted, and have no spans.
 */
export function* attemptSpans(record: RoundRecord, notes: AttemptNotes): Generator<TraceSpan> {
  const { openedAtMs: startMs, marks = [], cohort, contributions, exclusions } = record;
  const endMs = endOf(record);
  const traceId = traceIdOf(record);
  const spanId = attemptSpanId(record);
  const status = statusOf(record);
  const about = { 'chorus.run': record.run, 'chorus.round': record.round, 'chorus.attempt': record.attempt };
  yield {
    ...{ traceId, spanId, parentId: roundSpanId(record), startMs, endMs, status },
    name: record.kind === 'evaluation' ? 'evaluation' : 'attempt',
    attributes: {
      ...about,
      'chorus.outcome': record.phase,
      'chorus.cohort.size': cohort.length,
      'chorus.contributions': contributions.length,
      'chorus.exclusions': exclusions.length,
      'chorus.quorum': record.quorum,
      'chorus.clients.without_spans': cohort.length - marks.length,
      ...(record.modelVersion === null ? {} : { 'chorus.model.version': record.modelVersion }),
      ...(record.reason === null ? {} : { 'chorus.reason': record.reason }),
    },
    events: notes.events,
  };
  const phases = phasesOf(record, notes);
  for (const [index, { name, atMs }] of phases.entries()) {
    yield {
      ...{ traceId, spanId: attemptSpanId(record, name), parentId: spanId, name, events: [], attributes: about },
      startMs: atMs,
      endMs: phases[index + 1]?.atMs ?? endMs,
      status: index === phases.length - 1 ? status : { kind: 'none' },
    };
  }
  const contributed = new Map(contributions.map((one) => [one.clientId, one]));
  const excluded = new Map(exclusions.map((one) => [one.clientId, one]));
  for (const one of marks) {
    yield* clientSpans(record, {
      marks: one,
      contribution: contributed.get(one.clientId),
      exclusion: excluded.get(one.clientId),
      notes: notes.clients.get(one.clientId) ?? [],
    });
  }
}

/** The root of a round's trace, once the round is over. @param attempts at it, oldest first, at least one. */
export function roundSpan(attempts: readonly [RoundRecord, ...RoundRecord[]]): TraceSpan {
  const [first] = attempts;
  const last = attempts.at(-1) ?? first;
  return {
    ...{ traceId: traceIdOf(first), spanId: roundSpanId(first), parentId: null, name: 'round', events: [] },
    startMs: first.openedAtMs,
    endMs: endOf(last),
    attributes: {
      'chorus.run': last.run,
      'chorus.round': last.round,
      'chorus.outcome': last.phase,
      'chorus.attempts': attempts.length,
      ...(last.modelVersion === null ? {} : { 'chorus.model.version': last.modelVersion }),
    },
    status: statusOf(last),
  };
}

const endOf = ({ openedAtMs, endedAtMs }: RoundRecord): number => Math.max(openedAtMs, endedAtMs ?? openedAtMs);

const statusOf = ({ reason }: RoundRecord): SpanStatus =>
  reason === null ? { kind: 'ok' } : { kind: 'error', message: reason };

function phasesOf(
  { openedAtMs, trainingAtMs, aggregatingAtMs, kind }: RoundRecord,
  { committingAtMs }: AttemptNotes,
): { name: string; atMs: number }[] {
  const begins: [string, number | null][] = [
    ['selecting', openedAtMs],
    [kind === 'evaluation' ? 'evaluating' : 'training', trainingAtMs],
    ['aggregating', aggregatingAtMs],
    ['committing', committingAtMs],
  ];
  return begins.flatMap(([name, atMs]) => (atMs === null ? [] : [{ name, atMs }]));
}
