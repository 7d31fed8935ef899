import { type SettingProblem, type SettingTable, windowMsMax } from './settings.ts';

/** The settings of a plan that say who is selected: what, unit, default and bounds. */
export const selectionSettings = {
  selection: {
    kind: 'choice',
    default: 'uniform',
    choices: ['uniform', 'all', 'weighted', 'round-robin', 'stratified', 'oort'],
    help: 'How a cohort is chosen: each client alike; everyone; in proportion to examples; in turn; each value of selectionAttribute in proportion; by utility (Oort).',
  },
  selectionFilter: {
    kind: 'text',
    default: null,
    help: 'Condition on clients that may be selected, e.g. attributes.region == "eu". Default: all may.',
  },
  selectionAttribute: {
    kind: 'text',
    default: null,
    help: 'With selection = stratified: the attribute whose values are represented in proportion.',
  },
  utilityMetric: {
    kind: 'text',
    default: 'loss',
    help: 'With selection = oort: the metric of an update that tells how much is left to learn from its client; best the root mean square of its losses.',
  },
  explorationStart: {
    kind: 'number',
    default: 0.9,
    min: 0,
    max: 1,
    help: 'With selection = oort: share of the first cohort drawn among clients of unknown utility.',
  },
  explorationDecay: {
    kind: 'number',
    default: 0.98,
    min: 0,
    max: 1,
    help: 'With selection = oort: what that share is multiplied by after each round.',
  },
  explorationMin: {
    kind: 'number',
    default: 0.2,
    min: 0,
    max: 1,
    help: 'With selection = oort: the share does not fall below this.',
  },
  reportMsPreferred: {
    kind: 'integer',
    default: null,
    min: 1,
    max: windowMsMax,
    unit: 'ms',
    help: 'With selection = oort: time to report above which a client is penalised. Default: the 80th percentile of those seen.',
  },
  pacerStepMs: {
    kind: 'integer',
    default: null,
    min: 1,
    max: windowMsMax,
    unit: 'ms',
    help: 'With selection = oort and reportMsPreferred: how much longer that becomes when the last 20 rounds brought less utility than the 20 before. Default: it stays.',
  },
  slownessPenalty: {
    kind: 'number',
    default: 2,
    min: 0,
    max: 10,
    help: 'With selection = oort: a client that takes x times as long as preferred counts x to this power times less. 0: no penalty.',
  },
  overSelectionAdaptive: {
    kind: 'boolean',
    default: false,
    help: 'With cohortSize: select as many as past rounds say are needed; overSelection holds until enough is known.',
  },
  overSelectionConfidence: {
    kind: 'number',
    default: 0.95,
    min: 0.5,
    max: 0.999,
    help: 'With overSelectionAdaptive: how likely cohortSize contributions shall arrive within the training window.',
  },
  overSelectionMax: {
    kind: 'number',
    default: 2,
    min: 1,
    max: 10,
    help: 'With overSelectionAdaptive: at most this many times cohortSize are selected.',
  },
} as const satisfies SettingTable;

export interface SelectionSettings {
  readonly selection: 'uniform' | 'all' | 'weighted' | 'round-robin' | 'stratified' | 'oort';
  readonly selectionFilter: string | null;
  readonly selectionAttribute: string | null;
  readonly utilityMetric: string;
  readonly explorationStart: number;
  readonly explorationDecay: number;
  readonly explorationMin: number;
  readonly reportMsPreferred: number | null;
  readonly pacerStepMs: number | null;
  readonly slownessPenalty: number;
  readonly overSelectionAdaptive: boolean;
  readonly overSelectionConfidence: number;
  readonly overSelectionMax: number;
}

/** Rules between settings, and with those of the plan that size a cohort. */
export function selectionConflicts(
  settings: SelectionSettings,
  plan: {
    readonly cohortSize: number | null;
    readonly participantsRatio: number;
    readonly overSelection: number;
    readonly mode: 'synchronous' | 'buffered';
  },
): SettingProblem[] {
  const { selection, selectionAttribute, explorationStart, explorationMin } = settings;
  const problems: SettingProblem[] = [];
  const conflict = (setting: string, message: string) => problems.push({ setting, message });
  if (selection === 'stratified' && selectionAttribute === null) {
    conflict(
      'selectionAttribute',
      'selection is "stratified", but not by what; name an attribute with selectionAttribute (--selection-attribute).',
    );
  }
  if (selection !== 'stratified' && selectionAttribute !== null) {
    conflict(
      'selectionAttribute',
      'selectionAttribute (--selection-attribute) goes with selection = stratified; set that too, or leave it out.',
    );
  }
  if (selection === 'all' && plan.mode === 'buffered') {
    conflict(
      'selection',
      'selection (--selection) is "all", but mode is "buffered", where only so many train at a time as cohortSize and overSelection say; choose another selection.',
    );
  } else if (selection === 'all' && (plan.cohortSize !== null || plan.participantsRatio !== 1)) {
    conflict(
      'selection',
      'selection is "all", but cohortSize or participantsRatio ask for a part; leave them out, or choose another selection.',
    );
  }
  if (selection === 'oort' && explorationMin > explorationStart) {
    conflict(
      'explorationMin',
      `explorationMin (--exploration-min) is ${explorationMin}, above explorationStart, ${explorationStart}; lower it or raise --exploration-start.`,
    );
  }
  if (settings.pacerStepMs !== null && settings.reportMsPreferred === null) {
    conflict(
      'pacerStepMs',
      'pacerStepMs (--pacer-step-ms) goes with reportMsPreferred, which it makes longer; give --report-ms-preferred too, or leave it out: then the preferred time follows the clients.',
    );
  }
  if (settings.overSelectionAdaptive && plan.cohortSize === null) {
    conflict(
      'overSelectionAdaptive',
      'overSelectionAdaptive (--over-selection-adaptive) goes with cohortSize; give --cohort-size too, or leave it out.',
    );
  }
  if (settings.overSelectionAdaptive && plan.mode === 'buffered') {
    conflict(
      'overSelectionAdaptive',
      'overSelectionAdaptive (--over-selection-adaptive) asks how many of a cohort report in time, but mode is "buffered", where nobody is late; leave one of them out.',
    );
  }
  if (settings.overSelectionAdaptive && plan.overSelection > settings.overSelectionMax) {
    conflict(
      'overSelectionMax',
      `overSelectionMax (--over-selection-max) is ${settings.overSelectionMax}, below overSelection, ${plan.overSelection}; raise it or lower --over-selection.`,
    );
  }
  return problems;
}
