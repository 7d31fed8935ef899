import type { Refusal } from '../domain/errors.ts';
import type { Dtype, ModelSchema } from '../domain/model.ts';

/** Bytes of an update as they were received. */
export interface InspectTask {
  bytes: SharedArrayBuffer;
  byteLength: number;
  /** The schema it must have, or null when it may define one. */
  schema: ModelSchema | null;
  numExamplesMax: number;
  /** Weight 0 is legal: for clients that do not say how many examples they used. */
  allowZeroExamples: boolean;
  /** Initial models carry no num_examples. */
  isModel: boolean;
}

/** Where one tensor of an update lies, and where it goes in the sum. */
export interface FoldPiece {
  dtype: Dtype;
  /** In the update's bytes. */
  byteOffset: number;
  count: number;
  /** First element in the sum. */
  at: number;
}

export interface Inspected {
  kind: 'valid';
  sha256: string;
  numExamples: number;
  metrics: Record<string, number>;
  schema: ModelSchema;
  pieces: FoldPiece[];
}

export interface FoldTask {
  /** Σ weightᵢ · updateᵢ, float64, one element per parameter. */
  sum: SharedArrayBuffer;
  update: SharedArrayBuffer;
  pieces: FoldPiece[];
  weight: number;
}

export interface FinishTask {
  sum: SharedArrayBuffer;
  /** Σ weights, > 0. */
  divisor: number;
  schema: ModelSchema;
  /** The model that deltas are added to, or null for full weights. */
  base: { bytes: SharedArrayBuffer; pieces: FoldPiece[] } | null;
  metadata: Record<string, string>;
}

/** The CPU-heavy part of aggregation, wherever it runs. Every task works on shared memory and copies nothing out. */
export interface FoldPool {
  inspect(task: InspectTask): Promise<Inspected | Refusal>;
  /** Folds must be awaited one after another: their order gives the bits of the sum. */
  fold(task: FoldTask): Promise<void>;
  finish(task: FinishTask): Promise<{ bytes: SharedArrayBuffer; sha256: string }>;
  close(): Promise<void>;
}
