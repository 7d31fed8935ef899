import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { CoordinatorHandle, RoundRecord } from '../domain/handle.ts';

/** Phases from a few milliseconds to days, seconds. */
const phaseBuckets = [0.01, 0.1, 1, 5, 15, 60, 300, 900, 3_600, 21_600, 86_400];

/** Where the open round stands, read when it is asked for, and how attempts ended, counted as they do. */
export function addRoundMetrics(registry: Registry, handle: CoordinatorHandle): void {
  addProgress(registry, handle);
  const registers = [registry];
  const exclusions = new Counter({
    name: 'chorus_exclusions_total',
    help: 'Clients that were selected and did not contribute, by reason, counted when their attempt is over',
    labelNames: ['reason'],
    registers,
  });
  const phases = new Histogram({
    name: 'chorus_attempt_phase_seconds',
    help: 'How long attempts were in a phase, counted when they are over; aggregating includes the commit',
    labelNames: ['phase'],
    buckets: phaseBuckets,
    registers,
  });
  handle.events.subscribe(({ type }) => {
    if (type !== 'round.committed' && type !== 'round.abandoned' && type !== 'round.evaluated') return;
    const [record] = handle.rounds(1);
    if (!record) return;
    for (const { reason } of record.exclusions) exclusions.inc({ reason });
    for (const { phase, ms } of phasesOf(record)) phases.observe({ phase }, ms / 1_000);
  });
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

function addProgress(registry: Registry, handle: CoordinatorHandle): void {
  const registers = [registry];
  const gauge = (name: string, help: string) => new Gauge({ name: `chorus_${name}`, help, registers });
  // One reading of the status for all of them, so it comes first: those after it are read when it has set them.
  new Gauge({
    name: 'chorus_round_contributions',
    help: 'Updates accepted in the open attempt',
    registers,
    collect() {
      const status = handle.status();
      const { sinceMs, deadlineAtMs } = status.waitingFor;
      this.set(status.contributions);
      target.set(status.target ?? 0);
      quorum.set(status.quorum ?? 0);
      since.set(sinceMs / 1_000);
      deadline.set((deadlineAtMs ?? 0) / 1_000);
    },
  });
  const since = gauge('phase_started_timestamp_seconds', 'When the phase began that the run is in, Unix time');
  const deadline = gauge(
    'phase_deadline_timestamp_seconds',
    'When the wait of this phase is given up, Unix time; 0: it has no deadline',
  );
  const target = gauge('round_target', 'Clients the open round is to have in its cohort; 0 before it has one');
  const quorum = gauge('round_quorum', 'Least contributions for the open round to commit; 0 when none is open');
}
