import type { SettingTable } from './settings.ts';

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
  'fedasync',
  'fedmedian',
  'trimmed-mean',
  'krum',
  'multi-krum',
  'bulyan',
  'rfa',
] as const;

export type StrategyName = (typeof strategyNames)[number];

/** Whether it can make something of full weights that began with an older model than the round's. */
export const takesStaleWeights = (name: StrategyName | OwnStrategyName): boolean => name === 'fedasync';

/** Begins the name of a strategy that is not ours, but given to the server when it is started. */
export const ownStrategyPrefix = 'module:';

export type OwnStrategyName = `${typeof ownStrategyPrefix}${string}`;

/** A strategy that a plan can choose on this server. */
export interface StrategyView {
  name: string;
  /** What it does, in a sentence; null: one of somebody’s own. */
  summary: string | null;
  /** What its parameters may be. */
  settings: SettingTable;
}

/** What is known of a strategy of one's own without asking it. Plain data, so that no thread but its own runs its code. */
export interface OwnStrategyFacts {
  readonly kind: 'running' | 'gathering';
  /** URL of its module; null: it is an object in the thread of the aggregator. */
  readonly url: string | null;
  /** What its parameters may be. */
  readonly settings: SettingTable;
  /** What a running one keeps of each parameter of the model from round to round. */
  readonly slots: readonly { readonly name: string; readonly initial: number }[];
  /** Least number of contributions that it makes a model of, ≥ 1. */
  readonly contributionsMin: number;
}

/** The strategies that a server was given, by their whole names. */
export type OwnStrategies = ReadonlyMap<string, OwnStrategyFacts>;

export const noOwnStrategies: OwnStrategies = new Map();

/** How contributions become the next model, as a plan chooses it. Plain data: each thread makes the strategy anew. */
export interface StrategyChoice {
  readonly name: StrategyName | OwnStrategyName;
  readonly parameters: Readonly<Record<string, number | string | boolean>>;
  /** Of a strategy of one's own that the server has. */
  readonly own?: OwnStrategyFacts;
}

export const fedavgChoice: StrategyChoice & { readonly name: StrategyName } = { name: 'fedavg', parameters: {} };

export const isOwnStrategy = (name: string): name is OwnStrategyName => name.startsWith(ownStrategyPrefix);
