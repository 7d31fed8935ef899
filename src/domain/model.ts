import type { Evaluator } from './evaluation.ts';
import type { Metrics } from './metrics.ts';

/** The dtypes a model may have; names as in safetensors. */
export const dtypes = { F64: 8, F32: 4, F16: 2, BF16: 2 } as const;
export type Dtype = keyof typeof dtypes;

/** Name, dtype and shape of one tensor. A scalar has shape []; a dimension may be 0. */
export interface TensorSpec {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

/** What every update of a run must hold: the first model's tensors, in the order of its bytes. */
export type ModelSchema = readonly TensorSpec[];

/** A tensor in memory. F16 and BF16 are held as float32; the dtype says how they travel. Row-major. */
export interface Tensor {
  dtype: Dtype;
  shape: readonly number[];
  data: Float32Array | Float64Array;
}

/** Tensors by name: a model or an update. */
export type Tensors = Record<string, Tensor>;

/** @returns the number of elements of a shape (1 for a scalar). */
export const elementCount = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** How good a model was found to be, or why nobody knows. */
export interface ModelEvaluation {
  by: Evaluator;
  atMs: number;
  /** Of clients: means weighted by numExamples. */
  metrics: Metrics;
  /** Examples that the clients measured on, all in all; 0 for the server's own evaluator. */
  numExamples: number;
  /** Clients that reported. */
  clients: number;
  /** Why there are no metrics; null: there are. */
  failure: string | null;
}

/** What is known of one committed (or installed) model without reading its bytes. */
export interface ModelInfo {
  version: number;
  run: string;
  /** The round that committed it, from 1; 0 for an installed initial model. */
  round: number;
  sha256: string;
  bytes: number;
  createdAtMs: number;
  contributions: number;
  numExamples: number;
  /** Means of what clients reported with their updates: of the training, so of the model before it. */
  metrics: Metrics;
  /** What the strategy keeps for the next round of the run, stored beside the models; left out when it keeps nothing. */
  state?: { sha256: string; bytes: number };
}

/** A model, and what came to be known of it afterwards. */
export interface ModelView extends ModelInfo {
  /** At most one by each evaluator. */
  evaluations: ModelEvaluation[];
  /** The best version of its run so far, by the plan's `stopMetric`. */
  best: boolean;
}

/** A model's bytes as held for serving: shared memory, so that no thread needs a copy. */
export interface ModelBlob {
  info: ModelInfo;
  bytes: Uint8Array;
}
