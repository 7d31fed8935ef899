import type { Clock } from '../domain/clock.ts';
import type { ChorusEvent, CoordinatorHandle, RoundRecord } from '../domain/handle.ts';
import { NoteTaker } from './attempt-notes.ts';
import { attemptSpans, roundSpan } from './attempt-spans.ts';
import type { RoundName } from './ids.ts';
import type { Outbox } from './outbox.ts';

/** Attempts looked through for those of one round. */
const attemptsMax = 1_000;

const ends: readonly string[] = ['round.committed', 'round.evaluated', 'round.abandoned'];

/**
 * Makes traces of what the coordinator tells everybody: its events say when an attempt is over, its record says what
 * happened in it. So nothing of the protocol knows of it, and what an earlier process saw of an attempt is in it too.
 */
export function traceRounds(handle: CoordinatorHandle, outbox: Outbox, clock: Clock): { stop: () => void } {
  const notes = new NoteTaker();
  const [newest] = handle.rounds(1);
  const startedAtMs = clock.now() - handle.status().uptimeMs;
  const isResumed = newest !== undefined && newest.endedAtMs === null && newest.openedAtMs < startedAtMs;
  if (isResumed) notes.resumed(startedAtMs);
  /** The round that was tried and did not commit yet. */
  let unfinished: RoundName | null = newest?.phase === 'abandoned' && newest.kind === 'training' ? newest : null;

  const offerRound = ({ run, round }: RoundName) => {
    const isIts = (one: RoundRecord) => one.run === run && one.round === round && one.kind === 'training';
    const [first, ...rest] = handle.rounds(attemptsMax).filter(isIts).reverse();
    if (first) outbox.offer([roundSpan([first, ...rest])]);
    unfinished = null;
  };

  const attemptEnded = ({ data }: ChorusEvent) => {
    const [record] = handle.rounds(1);
    if (!record || record.run !== data.run || record.attempt !== data.attempt || record.kind !== data.kind) return;
    outbox.offer(attemptSpans(record, notes.finish()));
    if (record.kind !== 'training') return;
    if (record.phase === 'committed') offerRound(record);
    else unfinished = record;
  };

  const stop = handle.events.subscribe((event) => {
    if (ends.includes(event.type)) attemptEnded(event);
    else notes.take(event);
    const isOver = event.type === 'phase' && (event.data.phase === 'stopped' || event.data.phase === 'finished');
    if (isOver && unfinished) offerRound(unfinished);
  });
  return { stop };
}
