import type { Metrics } from '../domain/metrics.ts';
import type { Tensors } from '../domain/model.ts';
import type { TrainingResult } from './tensors.ts';

/** What a client is asked to do in one round. */
export interface TrainingTask {
  run: string;
  /** From 1. */
  round: number;
  /** null: the run has no model yet. */
  modelVersion: number | null;
  /** The global model, this call's own copy; null: the run has none yet, and this round's updates define it. */
  tensors: Tensors | null;
  /** What the model's file says of itself; empty without a model. */
  metadata: Readonly<Record<string, string>>;
  /** As the run's plan has them. */
  hyperparameters: Readonly<Record<string, number | string | boolean>>;
  /** When a straggler is one, Unix ms by this machine's clock. The server may extend it. */
  deadlineAtMs: number;
  clientId: string;
  /** W3C Trace Context of this work, for spans of your own below it; null: the server traces nothing. */
  traceparent: string | null;
  /** Aborted when the round is over for this client, and when `participate` is told to stop: then stop training. */
  signal: AbortSignal;
}

/**
 * Trains, and returns the update. It is called once a round, and never while an earlier call still goes on: a call
 * that does not heed `signal` keeps its client out of the next round.
 * Heartbeats go on beside it, so it must let the event loop run; work of many seconds in one piece belongs in a worker,
 * or the server takes the client for lost.
 */
export type Train = (task: TrainingTask) => TrainingResult | Promise<TrainingResult>;

/** What a client is asked to measure: the model that a round has just made. */
export interface EvaluationTask extends TrainingTask {
  modelVersion: number;
  tensors: Tensors;
}

/** What a client measured of a model. */
export interface Measured {
  /** On how many examples: its weight in the means. A whole number from 1. */
  numExamples: number;
  /** Finite numbers by name, e.g. `{ accuracy: 0.9 }`; at most 64. The server reports their weighted means. */
  metrics: Metrics;
}

/** Measures the model, without changing it. The same holds for it as for {@link Train}. */
export type EvaluateModel = (task: EvaluationTask) => Measured | Promise<Measured>;
