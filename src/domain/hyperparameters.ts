export type Hyperparameters = Readonly<Record<string, number | string | boolean>>;

/** What changes in the hyperparameters, and from which round on. */
export interface HyperparameterStep {
  /** From 1. */
  readonly fromRound: number;
  readonly values: Hyperparameters;
}

/** What a plan says of hyperparameters. */
export interface HyperparameterPlan {
  readonly hyperparameters: Hyperparameters;
  readonly hyperparametersByRound: readonly HyperparameterStep[];
}

/**
 * The hyperparameters of a round: those of the plan, with every step that has been reached laid over them, in the order
 * of the rounds. So a step says only what changes, and it holds until a later one says otherwise.
 */
export function hyperparametersOf(
  { hyperparameters, hyperparametersByRound }: HyperparameterPlan,
  round: number,
): Hyperparameters {
  const reached = hyperparametersByRound.filter(({ fromRound }) => fromRound <= round);
  if (reached.length === 0) return hyperparameters;
  const inOrder = reached.toSorted((a, b) => a.fromRound - b.fromRound);
  return Object.assign({}, hyperparameters, ...inOrder.map(({ values }) => values));
}
