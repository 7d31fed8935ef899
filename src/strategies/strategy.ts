import type { SettingTable } from '../domain/settings.ts';

/** What is known of an update when it is accepted. */
export interface Contribution {
  /** Whole, ≥ 0. 0: the client does not say; it then weighs 1, and only as long as nobody brings a weight. */
  readonly numExamples: number;
  readonly metrics: Readonly<Record<string, number>>;
  /** L2 norm of update − global model, ≥ 0; null where the strategy does not need it. */
  readonly deltaNorm: number | null;
  /** Factor for updates trained on an older model, above 0 and up to 1. @default 1 */
  readonly staleness?: number;
}

/** How much an update weighs. */
export interface Weighed {
  readonly kind: 'weighed';
  /** Factor of update − global model in the sum, ≥ 0. */
  readonly weight: number;
  /** Scalars of this update that `divisor` needs, by name; they are added up over the contributions. */
  readonly terms: Readonly<Record<string, number>>;
}

/** The update lacks what the strategy needs to weigh it. @property detail one sentence */
export interface Unfit {
  readonly kind: 'unfit';
  readonly detail: string;
}

/** What the contributions of a round add up to. */
export interface Totals {
  /** Updates in the sum; not scaled by staleness, as all else is. */
  readonly contributions: number;
  /** Σ weight, before clipping. */
  readonly weight: number;
  /** Σ of each term; 0 for one that nobody gave. */
  term(name: string): number;
}

/** Values of some coordinates, the same ones in every array. All float64. */
export interface StepTile {
  /** The global model that clients started from. */
  readonly base: Float64Array;
  /** The pseudo-gradient: aggregate − base. */
  readonly delta: Float64Array;
  /** One array for each slot, in their order; replaced by the state of the next round. */
  readonly state: readonly Float64Array[];
  /** Receives the next model; may be the same array as `delta`. */
  readonly next: Float64Array;
}

/**
 * Turns the pseudo-gradient Δ of a round into a step. What it keeps between rounds is part of the checkpoint: one float64
 * for each parameter and slot. Float64, since squares of float32 values leave float32's range; and it is never rounded,
 * so that a restart changes no bit.
 */
export interface ServerOptimiser {
  readonly slots: readonly { readonly name: string; readonly initial: number }[];
  /** Each coordinate for itself, so that tiles may be taken in any order and by any thread. */
  step(tile: StepTile): void;
}

/**
 * A strategy that needs each update once, as it comes: the next model is `base + Σ weightᵢ·(updateᵢ − base) / divisor`,
 * or what an optimiser makes of that step.
 */
export interface RunningStrategy {
  readonly kind: 'running';
  /** Largest L2 norm of update − base; a longer one is scaled down to it. null: none is. */
  readonly clipNorm: number | null;
  /** Whether `weigh` reads `deltaNorm`; clipping needs it too. */
  readonly needsDeltaNorm: boolean;
  /** Whether it cannot do without a model that clients start from, also in the first round: it is no plain mean. */
  readonly needsBase: boolean;
  /** What the clients must know to do their part; merged into the hyperparameters of the round. */
  readonly hyperparameters: Readonly<Record<string, number>>;
  readonly optimiser: ServerOptimiser | null;
  /** @returns why so few contributions make no model, or null. */
  precondition(contributions: number): string | null;
  /** Total and pure; asked before an update is accepted. `numExamples` is ≥ 1 here. */
  weigh(contribution: Contribution): Weighed | Unfit;
  /** What the weighted sum is divided by. */
  divisor(totals: Totals): number;
}

/** What a gathering strategy may ask about all updates of a round. */
export type Measurement =
  /** Squared distances of each two updates: n × n values, row by row. */
  | { readonly kind: 'pairwise' }
  /** Squared distance of each update from `Σ weightᵢ·updateᵢ / Σ weightᵢ`: n values. */
  | { readonly kind: 'spread'; readonly weights: readonly number[] };

/** How the aggregate follows from the updates, coordinate by coordinate. Updates are named by their index. */
export type Combination =
  /** `Σ weightᵢ·updateᵢ / Σ weightᵢ`; those of weight 0 are not read. */
  | { readonly kind: 'weighted'; readonly weights: readonly number[] }
  /** The mean of the values that stand at [from, to) when those of the members are sorted. */
  | { readonly kind: 'ordered'; readonly members: readonly number[]; readonly from: number; readonly to: number }
  /** The mean of the `keep` values closest to the members' median; of two equally close the lower one is kept. */
  | { readonly kind: 'aroundMedian'; readonly members: readonly number[]; readonly keep: number }
  /** Whatever a strategy of one's own makes of the members. */
  | { readonly kind: 'own'; readonly members: readonly number[] };

/** A strategy that needs all updates at once. It sees no tensor: it asks for measurements and says how to combine. */
export interface GatheringStrategy {
  readonly kind: 'gathering';
  readonly hyperparameters: Readonly<Record<string, number>>;
  /** @returns why so few contributions make no model, or null. */
  precondition(contributions: number): string | null;
  /** Yields at most `measurementsMax` measurements, is given each result, and returns the combination. */
  aggregate(contributions: readonly Contribution[]): Generator<Measurement, Combination, Float64Array>;
}

/** Measurements that one round may ask for; each reads every update once. */
export const measurementsMax = 100;

/** How contributions become the next model. Plain functions without state of their own: any thread may make one anew. */
export type Strategy = RunningStrategy | GatheringStrategy;

/** A strategy as it can be chosen in a plan: by its name, with parameters that follow `settings`. */
export interface StrategyDefinition<Parameters> {
  readonly name: string;
  /** One sentence. */
  readonly summary: string;
  /** Where it comes from: authors, year, where to find it. */
  readonly source: string;
  readonly settings: SettingTable;
  /** @param parameters filled in and checked against `settings`. */
  create(parameters: Parameters): Strategy;
}

/** Any of them; `createStrategy` gives it its parameters. */
export type AnyStrategyDefinition = StrategyDefinition<never>;

/** Changes nothing; it is there for the types. */
export const defineStrategy = <Parameters>(
  definition: StrategyDefinition<Parameters>,
): StrategyDefinition<Parameters> => definition;
