import type { Metrics } from './metrics.ts';

export interface Registration {
  clientId: string;
  /** Proves that a later call comes from this client. Secret. */
  clientToken: string;
  heartbeatIntervalMs: number;
  heartbeatTimeoutMs: number;
}

/** What a client is told it is: `standby` also covers done and ignored. */
export type ClientStanding = 'standby' | 'selected' | 'training' | 'finished';

export interface Heartbeat {
  state: ClientStanding;
  /** Id of the current run, or null before the first. */
  run: string | null;
  /** Open or last round, from 1; 0 before the first. */
  round: number;
  /** When to send the next heartbeat, spread so that a herd does not arrive at once. */
  retryAfterMs: number;
}

export interface HeartbeatWait {
  /** How long to hold the answer while nothing changes, ms; of a client that is to start, at most `heartbeatIntervalMs`. */
  waitMs: number;
  /** What the client goes by; anything else is answered at once. Without it: the state at arrival. */
  known?: { state: ClientStanding; round: number };
  /** Aborted when the caller is gone. */
  signal?: AbortSignal;
}

export interface TrainingTicket {
  run: string;
  /** The open round; of an evaluation, the round that made the model. */
  round: number;
  /** What is to be done with the model. `evaluate` is asked only of clients that said they can. */
  task: 'train' | 'evaluate';
  /** Origin of the aggregator, e.g. `http://127.0.0.1:8082`; null while it does not listen. */
  aggregatorUrl: string | null;
  /** Secret; for this client, this round and this attempt only. */
  trainingToken: string;
  /** null: the run has no model yet, and this round's updates define it. */
  modelVersion: number | null;
  hyperparameters: Readonly<Record<string, number | string | boolean>>;
  deadlineAtMs: number;
  /** W3C Trace Context of this client's work, for whoever traces it further; left out when the server traces nothing. */
  traceparent?: string;
}

/** Proof of what was accepted. */
export interface Receipt {
  round: number;
  clientId: string;
  /** Hex digest of the bytes received. */
  sha256: string;
  numExamples: number;
}

/** What a client measured of a model. */
export interface EvaluationResult {
  /** Of the ticket. */
  round: number;
  /** How many examples it measured on: its weight in the means. A whole number from 1. */
  numExamples: number;
  /** Finite numbers by name, at most 64. */
  metrics: Metrics;
}
