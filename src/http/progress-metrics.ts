import { Gauge, type Registry } from 'prom-client';
import type { CoordinatorHandle } from '../domain/handle.ts';

/** Where the open round stands, read when it is asked for. */
export function addProgressMetrics(registry: Registry, handle: CoordinatorHandle): void {
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
