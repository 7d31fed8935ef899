import { type EvaluationPlan, evaluationSettings } from './evaluation.ts';
import type { HyperparameterPlan } from './hyperparameters.ts';
import { ratioCeil, ratioFloor } from './ratio.ts';
import { type SelectionSettings, selectionSettings } from './selection-settings.ts';
import { type SettingTable, windowMsMax } from './settings.ts';
import {
  fedavgChoice,
  noOwnStrategies,
  type OwnStrategies,
  type OwnStrategyName,
  ownStrategyPrefix,
  type StrategyChoice,
  type StrategyName,
  strategyNames,
} from './strategy-choice.ts';
import { type StrategyPath, strategyPathPattern, strategyPathRefusal } from './strategy-path.ts';

const basics = {
  rounds: {
    kind: 'integer',
    default: 10,
    min: 1,
    max: 1_000_000,
    help: 'Rounds to commit before the run is finished.',
  },
  minClients: {
    kind: 'integer',
    default: 3,
    min: 1,
    max: 100_000_000,
    help: 'Registered clients needed before a round selects anyone.',
  },
  participantsRatio: {
    kind: 'number',
    default: 1,
    min: 0,
    max: 1,
    help: 'Share of the population selected each round, rounded up. Not used with cohortSize.',
  },
  cohortSize: {
    kind: 'integer',
    default: null,
    min: 1,
    max: 10_000_000,
    help: 'Contributions at which a round closes, whatever the population. Replaces participantsRatio.',
  },
  overSelection: {
    kind: 'number',
    default: 1,
    min: 1,
    max: 10,
    help: 'With cohortSize: how many times cohortSize are selected, to allow for dropouts (1.3 selects 30 % more).',
  },
  quorum: {
    kind: 'integer',
    default: null,
    min: 1,
    max: 10_000_000,
    help: 'Least contributions for a commit. Default: cohortSize, or max(1, floor(participantsRatio × minClients)).',
  },
  selectionWindowMs: {
    kind: 'integer',
    default: 60_000,
    min: 10,
    max: windowMsMax,
    unit: 'ms',
    help: 'How long a round waits for the clients it wants to select; then it goes on with a quorum, or is abandoned.',
  },
  trainingWindowMs: {
    kind: 'integer',
    default: 300_000,
    min: 10,
    max: windowMsMax,
    unit: 'ms',
    help: 'How long selected clients have to train and upload; later ones are stragglers.',
  },
  aggregationWindowMs: {
    kind: 'integer',
    default: 60_000,
    min: 10,
    max: windowMsMax,
    unit: 'ms',
    help: 'How long aggregating and storing the model may take before the round is retried.',
  },
  heartbeatIntervalMs: {
    kind: 'integer',
    default: 5_000,
    min: 10,
    max: windowMsMax,
    unit: 'ms',
    help: 'How often a client shall show that it is there.',
  },
  heartbeatTimeoutMs: {
    kind: 'integer',
    default: 20_000,
    min: 20,
    max: windowMsMax,
    unit: 'ms',
    help: 'A client not heard of for so long is lost. At least twice heartbeatIntervalMs.',
  },
  uploadAttemptsMax: {
    kind: 'integer',
    default: 3,
    min: 1,
    max: 1_000,
    help: 'Refused uploads after which a client is out of the round.',
  },
  downloadsMax: {
    kind: 'integer',
    default: 16,
    min: 1,
    max: 100_000,
    help: 'Downloads of the global model that one training token allows.',
  },
  payloadBytesMax: {
    kind: 'integer',
    default: 268_435_456,
    min: 1_024,
    max: 4_294_967_296,
    unit: 'bytes',
    help: 'Largest update or model taken in.',
  },
  numExamplesMax: {
    kind: 'integer',
    default: Number.MAX_SAFE_INTEGER,
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    help: 'Largest num_examples (weight) of an update.',
  },
  updateNormMax: {
    kind: 'number',
    default: null,
    min: 0,
    max: Number.MAX_VALUE,
    help: 'Largest L2 norm of an update, over all its values; larger ones are refused. Default: no bound.',
  },
  onQuorumMissed: {
    kind: 'choice',
    default: 'retry',
    choices: ['retry', 'extend', 'abandon'],
    help: 'At the training deadline without quorum: retry the round, extend its deadline first, or abandon it and pause.',
  },
  extensionsMax: {
    kind: 'integer',
    default: 2,
    min: 0,
    max: 1_000,
    help: 'With onQuorumMissed = extend: how often the training window is extended before a retry.',
  },
  attemptsMax: {
    kind: 'integer',
    default: 3,
    min: 1,
    max: 1_000,
    help: 'Attempts at one round before the run pauses.',
  },
  updateKind: {
    kind: 'choice',
    default: 'weights',
    choices: ['weights', 'deltas'],
    help: 'What clients upload: full weights, or differences to the global model.',
  },
  mode: {
    kind: 'choice',
    default: 'synchronous',
    choices: ['synchronous', 'buffered'],
    help: 'synchronous: a round begins and ends with its cohort. buffered: clients train on and on; every cohortSize contributions make a version, and who trains meanwhile contributes to a later one (needs cohortSize, and deltas or the strategy fedasync).',
  },
  stalenessMax: {
    kind: 'integer',
    default: 10,
    min: 0,
    max: 1_000_000,
    help: 'With mode = buffered: a client whose model is more versions old than this is out.',
  },
  stalenessExponent: {
    kind: 'number',
    default: 0.5,
    min: 0,
    max: 100,
    help: 'With mode = buffered: an update from a model s versions old weighs (1 + s)^−stalenessExponent of what it would.',
  },
  initialModel: {
    kind: 'choice',
    default: 'none',
    choices: ['none', 'upload', 'latest'],
    help: 'none: taken from the first accepted updates; upload: wait for PUT /v1/runs/:run/model; latest: go on from the last committed model.',
  },
  strategy: {
    kind: 'choice',
    default: fedavgChoice.name,
    choices: strategyNames,
    or: { prefix: ownStrategyPrefix, what: 'NAME' },
    outside: { pattern: strategyPathPattern, refusal: strategyPathRefusal },
    help: 'How the updates of a round become the next model; see docs/strategies.md. module:NAME is one of your own that the server was given; a plan that the server is started with may name its file, as in ./my-strategy.mjs.',
  },
  strategyParameters: { kind: 'record', default: {}, help: 'Parameters of the strategy, each with a default.' },
  hyperparameters: { kind: 'record', default: {}, help: 'Handed to every client with its training token.' },
  hyperparametersByRound: {
    kind: 'schedule',
    default: [],
    help: 'Steps { fromRound, values }: from that round on, the values count over those of hyperparameters and of earlier steps.',
  },
} as const satisfies SettingTable;

/** The settings of a plan, as they are grouped in the help, in the docs and in the schema. */
export const planSections = {
  'Plan of the runs': basics,
  'Selection of clients': selectionSettings,
  'Evaluation and early stop': evaluationSettings,
} as const satisfies Record<string, SettingTable>;

/** Every setting of a plan: what, unit, default and bounds. */
export const planSettings = {
  ...basics,
  ...selectionSettings,
  ...evaluationSettings,
} as const satisfies SettingTable;

/** What a run is to do. Immutable for the life of the run. */
export interface Plan extends EvaluationPlan, HyperparameterPlan, SelectionSettings {
  readonly rounds: number;
  readonly minClients: number;
  readonly participantsRatio: number;
  readonly cohortSize: number | null;
  readonly overSelection: number;
  readonly quorum: number | null;
  readonly selectionWindowMs: number;
  readonly trainingWindowMs: number;
  readonly aggregationWindowMs: number;
  readonly heartbeatIntervalMs: number;
  readonly heartbeatTimeoutMs: number;
  readonly uploadAttemptsMax: number;
  readonly downloadsMax: number;
  readonly payloadBytesMax: number;
  readonly numExamplesMax: number;
  readonly updateNormMax: number | null;
  readonly onQuorumMissed: 'retry' | 'extend' | 'abandon';
  readonly extensionsMax: number;
  readonly attemptsMax: number;
  readonly updateKind: 'weights' | 'deltas';
  readonly mode: 'synchronous' | 'buffered';
  readonly stalenessMax: number;
  readonly stalenessExponent: number;
  readonly initialModel: 'none' | 'upload' | 'latest';
  readonly strategy: StrategyName | OwnStrategyName;
  readonly strategyParameters: Readonly<Record<string, number | string | boolean>>;
}

/** A plan as who runs the server gives it: its strategy may be the path of a module. */
export type GivenPlan = Omit<Partial<Plan>, 'strategy'> & { readonly strategy?: Plan['strategy'] | StrategyPath };

/** Least number of contributions for a commit under this plan, ≥ 1. */
export function quorumOf(plan: Plan): number {
  if (plan.quorum !== null) return plan.quorum;
  return plan.cohortSize ?? Math.max(1, ratioFloor(plan.participantsRatio, plan.minClients));
}

/** How many clients a round wants selected, given the population at that moment. */
export function cohortWanted(plan: Plan, population: number): number {
  if (plan.cohortSize !== null) return ratioCeil(plan.overSelection, plan.cohortSize);
  return ratioCeil(plan.participantsRatio, population);
}

/** What clients are called that a round may select. */
export const candidateWord = ({ selectionFilter }: Plan): string =>
  selectionFilter === null ? 'client' : 'eligible client';

/** The number of contributions at which a round closes without waiting for the rest of its cohort. */
export function contributionsWanted(plan: Plan, cohortTarget: number): number {
  return plan.cohortSize ?? cohortTarget;
}

/** Whether clients go on training from one version to the next. FedBuff: Nguyen et al. 2022, arXiv 2106.06639. */
export const isBuffered = ({ mode }: Plan): boolean => mode === 'buffered';

/** How the updates of an attempt become a model, as the plan of its run has it. */
export interface RoundStrategy {
  name: Plan['strategy'];
  parameters: Plan['strategyParameters'];
  mode: Plan['mode'];
}

/** What an attempt keeps of its plan, which is not known any more when another run has begun. */
export const strategyInRound = ({ strategy: name, strategyParameters: parameters, mode }: Plan): RoundStrategy => ({
  name,
  parameters,
  mode,
});

/** The strategy that a plan chooses; plans of before there was a choice mean FedAvg. @param own those the server has */
export function strategyChoice(
  { strategy = fedavgChoice.name, strategyParameters = fedavgChoice.parameters }: Partial<Plan>,
  own: OwnStrategies = noOwnStrategies,
): StrategyChoice {
  const facts = own.get(strategy);
  return { name: strategy, parameters: strategyParameters, ...(facts ? { own: facts } : {}) };
}

/**
 * What share of its weight an update has, 0 < share ≤ 1, when its client began `staleness` versions ago: (1 + s)^−a, the
 * polynomial of FedAsync (Xie et al. 2019, arXiv 1903.03934, section 5.2), used by FedBuff as well.
 */
export const stalenessFactor = ({ stalenessExponent }: Plan, staleness: number): number =>
  (1 + staleness) ** -stalenessExponent;
