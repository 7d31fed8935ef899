import type { Plan } from '../../src/domain/plan.ts';

/** One run of an experiment; plain data, so that a thread can be given it. */
export interface Trial {
  experiment: string;
  /** What is compared: a strategy, say. */
  variant: string;
  /** Decides data, first weights, order of examples and selection. */
  seed: number;
}

/** What came of a trial. */
export interface Outcome {
  variant: string;
  seed: number;
  /** What the experiment measures, along its axis: rounds, say, or simulated minutes. */
  points: readonly (readonly [x: number, y: number])[];
  /** Of the last model, measured as well as can be. */
  last: number;
}

/** What all outcomes of a variant, one for each seed, come to. */
export interface Summary {
  variant: string;
  seeds: number;
  /** Over the seeds, where all of them have a point. */
  line: readonly { x: number; lowest: number; median: number; highest: number }[];
  last: Spread;
}

export interface Spread {
  lowest: number;
  median: number;
  highest: number;
}

/** A drawing, and the name of its file without the ending. */
export interface Drawing {
  file: string;
  svg: string;
}

export interface Experiment {
  readonly name: string;
  trials(): Trial[];
  /** How often a trial will say that a round is done. */
  roundsOf(trial: Trial): number;
  /** @param onRound told of each round of it. */
  run(trial: Trial, onRound: () => void): Promise<Outcome>;
  draw(outcomes: readonly Outcome[]): Drawing[];
  /** The numbers, as Markdown. */
  table(outcomes: readonly Outcome[]): string;
}

/** What of a plan is a variant's own. */
export type PlanChange = Pick<Partial<Plan>, 'strategy' | 'strategyParameters' | 'hyperparameters'>;

/** A trial for each variant and seed. */
export const trialsOf = (experiment: string, variants: readonly string[], seeds: readonly number[]): Trial[] =>
  variants.flatMap((variant) => seeds.map((seed) => ({ experiment, variant, seed })));

/** @throws {RangeError} there is no outcome of it. */
export function summarise(outcomes: readonly Outcome[], variant: string): Summary {
  const own = outcomes.filter((outcome) => outcome.variant === variant);
  const [first, ...others] = own;
  if (!first) throw new RangeError(`There is no outcome of ${variant}`);
  const line = first.points.flatMap(([x, y], index) => {
    const rest = others.map(({ points }) => points[index]?.[1]);
    return rest.includes(undefined) ? [] : [{ x, ...spreadOf([y, ...rest.map(Number)]) }];
  });
  return { variant, seeds: own.length, line, last: spreadOf(own.map(({ last }) => last)) };
}

/** @throws {RangeError} there are no values. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const [lowest, median, highest] = [0, (sorted.length - 1) >> 1, sorted.length - 1].map((place) => sorted[place]);
  if (lowest === undefined || median === undefined || highest === undefined)
    throw new RangeError('There are no values');
  return { lowest, median, highest };
}

/** @throws {RangeError} it has no such variant. */
export function variantOf<T>(variants: Readonly<Record<string, T>>, { experiment, variant }: Trial): T {
  const found = variants[variant];
  if (found === undefined) throw new RangeError(`The experiment ${experiment} has no variant ${variant}`);
  return found;
}
