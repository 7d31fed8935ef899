import type { Refusal } from '../domain/errors.ts';
import type { Dtype, ModelSchema } from '../domain/model.ts';
import type { StrategyChoice } from '../domain/strategy-choice.ts';
import type { Combination, Measurement } from '../strategies/strategy.ts';
import type { Place } from './kernels/kernel-types.ts';
import type { Span } from './shared-memory.ts';

/** An update or model to be checked, while it comes in. */
export interface InspectTask {
  /** Where its bytes are; only those said to have come are read. */
  span: Span;
  /** Bytes it will have, if known. */
  expectedBytes: number | null;
  /** The schema it must have, or null when it may define one. */
  schema: ModelSchema | null;
  numExamplesMax: number;
  /** Largest L2 norm of all its values together, or null. */
  normMax: number | null;
  /** Weight 0 is legal: for clients that do not say how many examples they used. */
  allowZeroExamples: boolean;
  /** Initial models carry no num_examples. */
  isModel: boolean;
}

/** A run of values of one dtype: where it lies in an update, and where it goes in the sum. */
export interface FoldPiece {
  dtype: Dtype;
  /** From the file's start. */
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

/** Elements [from, to) of the sum. */
export interface SumRange {
  from: number;
  to: number;
}

/** Updates to be added to a part of the sum, in this order. */
export interface FoldTask {
  /** Σ weightᵢ · updateᵢ, float64, one element per parameter. */
  sum: Span;
  /** Set it to 0 first. */
  clear: boolean;
  updates: { span: Span; pieces: FoldPiece[]; weight: number }[];
}

/** Values somewhere in shared memory. */
export interface Laid {
  span: Span;
  pieces: FoldPiece[];
}

/** The model is `sum / divisor + baseShare · base`, or what an optimiser makes of that. */
export interface FinishTask {
  /** The whole sum, in order; consumed. */
  chunks: { range: SumRange; span: Span }[];
  /** What is not in the sum yet: added part by part, as the model is made. @default nothing */
  rest?: Omit<FoldTask, 'sum'>;
  /** > 0 */
  divisor: number;
  schema: ModelSchema;
  /** The model that clients started from; null where it is not needed. */
  base: Laid | null;
  /** Not 0 only with a base. */
  baseShare: number;
  /** Takes a step from the base instead; null: nothing does. */
  optimiser: StepTask | null;
  /** What a strategy of one's own keeps: it has stepped already. @default nothing */
  state?: StateMade;
  metadata: Record<string, string>;
}

/** A step of a strategy's optimiser. */
export interface StepTask {
  choice: StrategyChoice;
  /** The file with its state, which is left as it is; null: it begins now. */
  state: SharedArrayBuffer | null;
}

/** What a strategy keeps for the next round: slot after slot, each in the model's order. */
export interface StateMade {
  slots: readonly { readonly name: string }[];
  values: Float64Array;
}

/** A file that was made, in memory of its own. */
export interface MadeFile {
  bytes: SharedArrayBuffer;
  sha256: string;
}

/** A model, and the state of the optimiser that belongs to it. */
export interface Finished extends MadeFile {
  state: MadeFile | null;
}

/** How far an update is from a model. */
export interface NormTask {
  update: Laid;
  /** null: the update is a difference to the model already. */
  base: Laid | null;
}

/** Values of all updates in a range of the model. */
export interface GatheredRows {
  /** How they lie in each row; `at` counts from the range's start. */
  runs: FoldPiece[];
  /** Where each row begins, in the order of the contributions. */
  updates: Place[];
  /** Memory for the kernels, in the same arena. */
  scratch: Place;
}

export interface MeasureTask {
  measurement: Measurement;
  rows: GatheredRows;
}

export interface CombineTask {
  combination: Combination;
  rows: GatheredRows;
  /** Receives the range's values, float64; in the same arena. */
  into: Span;
}

/** The checking of one upload. */
export interface Inspector {
  /** So many bytes have come: they may be looked at already. */
  advance(bytes: number): void;
  /** It came whole. @returns what it is, or why it is refused; never rejects but when the pool fails. */
  finish(byteLength: number): Promise<Inspected | Refusal>;
  /** It is not wanted any more. */
  abandon(): void;
}

/** An inspection under way, and the schema it holds the bytes against. */
export interface Inspecting {
  readonly against: ModelSchema | null;
  readonly inspector: Inspector;
}

/** The CPU-heavy part of aggregation, wherever it runs. Every task works on shared memory and copies nothing out. */
export interface FoldPool {
  /** How many folds may go on at once. */
  readonly threads: number;
  /** How long an update may wait for others, to be added with them in one pass, ms; 0: not at all. */
  readonly companyMsMax: number;
  /** There will be work soon. */
  warm(): void;
  inspect(task: InspectTask): Inspector;
  /** Folds must be awaited one after another: their order gives the bits of the sum. */
  fold(task: FoldTask): Promise<void>;
  finish(task: FinishTask): Promise<Finished>;
  /** L2 norm of update − base, over all values; the same bits whatever thread. */
  deltaNorm(task: NormTask): Promise<number>;
  measure(task: MeasureTask): Promise<Float64Array>;
  combine(task: CombineTask): Promise<void>;
  close(): Promise<void>;
}
