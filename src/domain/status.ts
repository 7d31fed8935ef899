import type { ClientCounts } from './client.ts';
import type { Plan } from './plan.ts';
import type { RoundKind } from './round.ts';
import type { RoundPhase } from './round-record.ts';

export type RunState = 'idle' | 'awaitingModel' | 'running' | 'pausing' | 'paused' | 'finished' | 'stopped';

/**
 * `opening`: the aggregator is being readied for the next round; `gathering`: too few clients to open a round;
 * `judging`: the server's own evaluator is at work.
 */
export type Phase = RunState | RoundPhase | 'opening' | 'gathering' | 'judging' | 'draining';

/** The answer to "why is this round waiting?". */
export interface WaitingFor {
  phase: Phase;
  /** One sentence for people: what is missing, from whom, and what happens next and when. */
  summary: string;
  sinceMs: number;
  /** The condition that ends the wait, e.g. `contributions`, with where it stands and where it must get. */
  guard: { name: string; have: number; need: number } | null;
  /** Ids of clients waited for; the first 20, with the full number beside them. */
  clients: string[];
  clientsTotal: number;
  /** When the wait is given up, Unix ms; null for states that wait for an operator or for clients to come. */
  deadlineAtMs: number | null;
  /** What happens at the deadline. */
  next: string;
}

export interface RunView {
  run: string;
  state: RunState;
  plan: Plan;
  startedAtMs: number;
  endedAtMs: number | null;
  roundsCommitted: number;
  /** The best version so far, by the plan's `stopMetric`; null: there is none, or no metric to go by. */
  bestVersion: number | null;
  /** Why it is paused or stopped, or finished early. */
  reason: string | null;
}

export interface Status {
  run: string | null;
  runState: RunState;
  round: number;
  roundsTotal: number;
  attempt: number;
  /** What the attempt is for; null: none is open. */
  kind: RoundKind | null;
  phase: Phase;
  modelVersion: number | null;
  population: number;
  counts: ClientCounts;
  contributions: number;
  /** What the round would like to have, and the least it needs; null when no round is open. */
  target: number | null;
  quorum: number | null;
  waitingFor: WaitingFor;
  aggregator: string;
  uptimeMs: number;
}
