/** Strategies that a plan can choose by name. What they are stands in `src/strategies`, each in a file of its own. */
export const strategyNames = [
  'fedavg',
  'fedavgm',
  'fedadagrad',
  'fedadam',
  'fedyogi',
  'fedprox',
  'q-fedavg',
  'fednova',
  'fedmedian',
  'trimmed-mean',
  'krum',
  'multi-krum',
  'bulyan',
  'rfa',
] as const;

export type StrategyName = (typeof strategyNames)[number];

/** How contributions become the next model, as a plan chooses it. Plain data: each thread makes the strategy anew. */
export interface StrategyChoice {
  readonly name: StrategyName;
  readonly parameters: Readonly<Record<string, number | string | boolean>>;
}

export const fedavgChoice: StrategyChoice = { name: 'fedavg', parameters: {} };
