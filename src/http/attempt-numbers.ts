import { type CoordinatorHandle, type ExclusionReason, exclusionReasons, type RoundRecord } from '../domain/handle.ts';
import { Histogram } from './histogram.ts';

const phases = ['selecting', 'training', 'aggregating'] as const;

/**
 * How attempts ended, counted as they do. Every series is there from the start, at 0: of one that begins at 1, Prometheus
 * sees no increase.
 */
export class AttemptNumbers {
  /** Clients that were selected and did not contribute, by reason. */
  readonly exclusions = new Map<ExclusionReason, number>(exclusionReasons.map((reason) => [reason, 0]));
  /** From a few milliseconds to days. */
  readonly phases = new Histogram({
    name: 'chorus_attempt_phase_seconds',
    help: 'How long attempts were in a phase, counted when they are over; aggregating includes the commit',
    labelNames: ['phase'],
    buckets: [0.01, 0.1, 1, 5, 15, 60, 300, 900, 3_600, 21_600, 86_400],
  });

  constructor(handle: CoordinatorHandle) {
    for (const phase of phases) this.phases.begin([phase]);
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
  const begins = { selecting: openedAtMs, training: trainingAtMs, aggregating: aggregatingAtMs };
  const known = phases.flatMap((phase) => (begins[phase] === null ? [] : [{ phase, atMs: begins[phase] }]));
  return known.map(({ phase, atMs }, index) => {
    const untilMs = known[index + 1]?.atMs ?? endedAtMs ?? atMs;
    return { phase, ms: Math.max(0, untilMs - atMs) };
  });
}
