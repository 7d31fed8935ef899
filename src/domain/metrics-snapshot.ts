import type { ClientCounts } from './client.ts';
import type { Phase, RunState } from './status.ts';

/** Numbers for Prometheus; cheap to read. */
export interface MetricsSnapshot {
  counts: ClientCounts;
  population: number;
  round: number;
  modelVersion: number | null;
  runState: RunState;
  phase: Phase;
  heartbeatsTotal: number;
  registrationsTotal: number;
  expiredTotal: number;
  roundsCommittedTotal: number;
  roundsAbandonedTotal: number;
  /** By clients and by the server's own evaluator. */
  evaluationsTotal: Record<'done' | 'failed', number>;
  /** By verdict: accepted, discarded, refused. */
  updatesTotal: Record<'accepted' | 'discarded' | 'refused', number>;
  aggregatorRestartsTotal: number;
  longPollsHeld: number;
  journal: JournalNumbers;
}

export interface JournalNumbers {
  /** Facts of this process, those that wait for the disk included. */
  factsTotal: number;
  /** Facts that wait for the disk. */
  backlog: number;
  /** How often something waited for a sync, and how long in all. */
  syncsTotal: number;
  syncMsTotal: number;
}
