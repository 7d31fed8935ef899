import type { Metrics } from './metrics.ts';
import type { Tensors } from './model.ts';

/** A model as the server's own evaluator is given it. */
export interface JudgedModel {
  /** Its own copy. */
  readonly tensors: Tensors;
  /** What the model's file says of itself. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly version: number;
}

/** Measures a model on data of the server: finite numbers by name, at most 64. */
export type Evaluate = (model: JudgedModel) => Metrics | Promise<Metrics>;

/** The evaluator that a server was told to use cannot be used: a sentence says why. */
export class EvaluatorUnusable extends Error {
  override readonly name = 'EvaluatorUnusable';
}
