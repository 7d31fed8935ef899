import type { CoordinatorHandle, RoundRecord } from '../domain/handle.ts';
import { Histogram } from './histogram.ts';

/** How attempts ended, counted as they do. */
export class AttemptNumbers {
  /** Clients that were selected and did not contribute, by reason. */
  readonly exclusions = new Map<string, number>();
  /** From a few milliseconds to days. */
  readonly phases = new Histogram({
    name: 'chorus_attempt_phase_seconds',
    help: 'How long attempts were in a phase, counted when they are over; aggregating includes the commit',
    labelNames: ['phase'],
    buckets: [0.01, 0.1, 1, 5, 15, 60, 300, 900, 3_600, 21_600, 86_400],
  });

  constructor(handle: CoordinatorHandle) {
    handle.events.subscribe(({ type }) => {
      if (type !== 'round.committed' && type !== 'round.abandoned' && type !== 'round.evaluated') return;
      const [record] = handle.rounds(1);
      if (!record) return;
      for (const { reason } of record.exclusions) {
        this.exclusions.set(reason, (this.exclusions.get(reason) ?? 0) + 1);
      }
      for (const { phase, ms } of phasesOf(record)) this.phases.add([phase], ms / 1_000);
    });
  }
}

function phasesOf({ openedAtMs, trainingAtMs, aggregatingAtMs, endedAtMs }: RoundRecord) {
  const begins: [string, number | null][] = [
    ['selecting', openedAtMs],
    ['training', trainingAtMs],
    ['aggregating', aggregatingAtMs],
  ];
  const known = begins.flatMap(([phase, atMs]) => (atMs === null ? [] : [{ phase, atMs }]));
  return known.map(({ phase, atMs }, index) => {
    const untilMs = known[index + 1]?.atMs ?? endedAtMs ?? atMs;
    return { phase, ms: Math.max(0, untilMs - atMs) };
  });
}
