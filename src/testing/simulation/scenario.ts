import { type Plan, quorumOf } from '../../domain/plan.ts';
import { readPlan } from '../../domain/read-plan.ts';
import type { StrategyName } from '../../domain/strategy-choice.ts';
import { strategyOf } from '../../strategies/of-plan.ts';
import { type Chance, chanceFor, scattered } from './chance.ts';
import { drawMode, isGathering } from './draw-mode.ts';
import { drawFaults, type FaultProfile, type Faults } from './faults.ts';
import { groupAttribute, groupsFilter, throughGroupsFilter } from './groups.ts';
import type { SimulationOptions } from './simulation.ts';

/** What is drawn for one seed; plain JSON, so that it can be shown, made smaller and replayed. */
export interface Scenario extends SimulationOptions {
  seed: number;
  clients: number;
  plan: Partial<Plan> & { rounds: number };
  faults: Faults;
  faultsUntilMs: number;
  trainingMs: { from: number; to: number };
  holdsHeartbeats: boolean;
  durability: 'update' | 'round';
  fsync: 'always' | 'commit';
  keepUpdates: boolean;
  stagingBytesMax: number;
  clientsMax: number;
}

export interface ScenarioBounds {
  profile: FaultProfile;
  clients: number;
  rounds: number;
  /** By its usual parameters; the plan is made such that it can work. @default FedAvg */
  strategy?: StrategyName;
  /** @default drawn */
  mode?: Plan['mode'];
}

/** Draws everything that the bounds leave open: the faults, the plan, and how things are kept. */
export function drawScenario(seed: number, bounds: ScenarioBounds): Scenario {
  const { profile, clients, rounds } = bounds;
  const chance = chanceFor(seed, 'scenario');
  const faults = drawFaults(profile, chance);
  const sizes = drawSizes(chance, clients);
  const times = drawTimes(chance);
  const rules = drawRules(chance);
  const synchronous = { rounds, ...sizes, ...times, ...rules };
  const ofMode = drawMode(chanceFor(scattered(seed), 'mode'), synchronous, bounds);
  const drawn = { ...synchronous, ...ofMode };
  const { strategy } = bounds;
  const fitted = strategy === undefined ? drawn : { ...drawn, ...fitting(drawn, strategy) };
  const selection = drawSelection(chanceFor(seed, 'selection'), fitted, clients);
  const evaluation = drawEvaluation(chanceFor(seed, 'evaluation'), clients);
  const plan = { ...fitted, ...selection, ...evaluation, ...(ofMode.mode === undefined ? {} : inBuffered(evaluation)) };
  return {
    seed,
    clients,
    plan,
    faults,
    faultsUntilMs: Math.round(chance.between(1_000, 1_000 + rounds * 4_000)),
    trainingMs: { from: 1, to: chance.pick([50, 500, 2_000]) },
    holdsHeartbeats: chance.happens(0.5),
    durability: chance.happens(0.8) ? 'update' : 'round',
    fsync: chance.happens(0.8) ? 'always' : 'commit',
    keepUpdates: chance.happens(0.2),
    stagingBytesMax: Math.max(chance.pick([1_024, 16_384, 1_048_576]), stagingBytesMin(strategy)),
    clientsMax: clients + chance.pick([1, 10, 1_000]),
  };
}

function drawSizes(chance: Chance, clients: number): Partial<Plan> {
  const share = (part: number) => Math.max(1, Math.floor(clients * part));
  if (chance.happens(0.5)) {
    const minClients = share(chance.between(0.1, 0.8));
    return { minClients, participantsRatio: chance.pick([0.1, 0.3, 0.5, 0.75, 1]) };
  }
  const cohortSize = share(chance.between(0.05, 0.6));
  const quorum = chance.happens(0.5) ? null : 1 + chance.below(cohortSize);
  return { cohortSize, overSelection: chance.pick([1, 1.3, 2]), quorum };
}

/** Whether so many clients are enough for a round to open; a filter leaves some of them out. */
export const suffice = (clients: number, { minClients, cohortSize, selectionFilter }: Partial<Plan>): boolean =>
  Math.max(1, minClients ?? 0, cohortSize ?? 0) <= (selectionFilter ? throughGroupsFilter(clients) : clients);

/** Drawn from a stream of its own, so that the rest of a scenario is what it would be without. */
function drawSelection(chance: Chance, sizes: Partial<Plan>, clients: number): Partial<Plan> {
  const { cohortSize = null, participantsRatio } = sizes;
  const ranked = chance.pick(['uniform', 'weighted', 'round-robin', 'stratified', 'oort'] as const);
  const selection = cohortSize === null && participantsRatio === 1 && chance.happens(0.5) ? 'all' : ranked;
  const isFiltered = chance.happens(0.3) && suffice(clients, { ...sizes, selectionFilter: groupsFilter });
  return {
    selection,
    selectionAttribute: selection === 'stratified' ? groupAttribute : null,
    selectionFilter: isFiltered ? groupsFilter : null,
    overSelectionAdaptive: cohortSize !== null && chance.happens(0.5),
    overSelectionConfidence: chance.pick([0.5, 0.95]),
    overSelectionMax: chance.pick([2, 4]),
  };
}

function drawTimes(chance: Chance): Partial<Plan> {
  const heartbeatIntervalMs = chance.pick([200, 1_000, 2_000]);
  return {
    heartbeatIntervalMs,
    heartbeatTimeoutMs: heartbeatIntervalMs * chance.pick([2, 3, 6]),
    selectionWindowMs: chance.pick([1_000, 5_000, 10_000]),
    trainingWindowMs: chance.pick([3_000, 8_000, 20_000]),
    aggregationWindowMs: chance.pick([1_000, 10_000]),
  };
}

function drawRules(chance: Chance): Partial<Plan> {
  const isUploaded = chance.happens(0.4);
  return {
    initialModel: isUploaded ? 'upload' : 'none',
    updateKind: isUploaded && chance.happens(0.6) ? 'deltas' : 'weights',
    onQuorumMissed: chance.pick(['retry', 'extend', 'abandon']),
    extensionsMax: chance.below(3),
    attemptsMax: 1 + chance.below(4),
    uploadAttemptsMax: 1 + chance.below(4),
    downloadsMax: chance.pick([1, 3, 16]),
    payloadBytesMax: chance.pick([1_024, 8_192]),
  };
}

/** From a stream of its own too. */
function drawEvaluation(chance: Chance, clients: number): Partial<Plan> {
  if (!chance.happens(0.3)) return {};
  const cohortSize = 1 + chance.below(clients);
  return {
    evaluateEvery: 1 + chance.below(2),
    evaluateBy: chance.pick(['clients', 'clients', 'server', 'both'] as const),
    ...(chance.happens(0.5) ? { evaluationCohortSize: cohortSize } : { evaluationRatio: chance.pick([0.3, 1]) }),
    evaluationQuorum: chance.happens(0.5) ? null : 1,
    evaluationWindowMs: chance.pick([500, 3_000, 20_000]),
  };
}

/** Of what is drawn for every plan, what has to be otherwise in a buffered one: nobody there has time to evaluate, or is late. */
const inBuffered = ({ evaluateEvery }: Partial<Plan>): Partial<Plan> => ({
  overSelectionAdaptive: false,
  ...(evaluateEvery == null ? {} : { evaluateBy: 'server' }),
});

/** Updates that are in no file wait in memory for a strategy that needs all of them, so that it must hold them. */
const gatheredBytesMax = 1_048_576;

const stagingBytesMin = (strategy: StrategyName | undefined): number =>
  strategy !== undefined && isGathering(strategy) ? gatheredBytesMax : 0;

/** Contributions within which every strategy has enough, by its usual parameters. */
const contributionsMax = 100;

/** What must be otherwise in a plan for this strategy to work. */
function fitting(drawn: Partial<Plan>, strategy: StrategyName): Partial<Plan> {
  const its = strategyOf({ name: strategy, parameters: {} });
  const counts = Array.from({ length: contributionsMax }, (_, index) => index + 1);
  const needed = counts.find((contributions) => its.precondition(contributions) === null) ?? 1;
  const isEnough = quorumOf(readPlan(drawn).plan) >= needed;
  const { cohortSize = needed } = drawn;
  const cohort = isEnough ? {} : { cohortSize: Math.max(cohortSize ?? 0, needed), quorum: needed, minClients: needed };
  const base = its.kind === 'running' && its.needsBase ? { initialModel: 'upload' as const } : {};
  return { strategy, ...cohort, ...base };
}
