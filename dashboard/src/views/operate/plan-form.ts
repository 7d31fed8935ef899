/** The form of a plan, made from the table of its settings, and what was filled in. Pure. */
import type { HyperparameterStep } from '../../../../src/domain/hyperparameters.ts';
import { type Plan, planSettings } from '../../../../src/domain/plan.ts';
import { readPlan } from '../../../../src/domain/read-plan.ts';
import { type SettingSpec, type SettingTable, settingProblem } from '../../../../src/domain/settings.ts';

export interface Field {
  setting: string;
  spec: SettingSpec;
}

const groups: readonly { title: string; settings: readonly string[] }[] = [
  {
    title: 'Rounds and cohort',
    settings: [
      ...['rounds', 'mode', 'minClients', 'participantsRatio', 'cohortSize', 'overSelection', 'quorum'],
      ...['stalenessMax', 'stalenessExponent'],
    ],
  },
  {
    title: 'Selection of clients',
    settings: [
      ...[
        'selection',
        'selectionFilter',
        'selectionAttribute',
        'utilityMetric',
        'explorationStart',
        'explorationDecay',
      ],
      ...[
        'explorationMin',
        'reportMsPreferred',
        'pacerStepMs',
        'slownessPenalty',
        'overSelectionAdaptive',
        'overSelectionConfidence',
      ],
      'overSelectionMax',
    ],
  },
  { title: 'Windows', settings: ['selectionWindowMs', 'trainingWindowMs', 'aggregationWindowMs'] },
  { title: 'When the quorum is missed', settings: ['onQuorumMissed', 'extensionsMax', 'attemptsMax'] },
  {
    title: 'Model and updates',
    settings: ['initialModel', 'updateKind', 'hyperparameters', 'hyperparametersByRound'],
  },
  { title: 'Strategy', settings: ['strategy', 'strategyParameters'] },
  {
    title: 'Evaluation and early stop',
    settings: [
      ...['evaluateEvery', 'evaluateBy', 'evaluationRatio', 'evaluationCohortSize', 'evaluationQuorum'],
      ...['evaluationWindowMs', 'stopMetric', 'stopDirection', 'stopTarget', 'stopPatience', 'stopMinDelta'],
    ],
  },
];

/** Every setting of the table: those that are in no group come last, so that a new one is never missing. */
export function fieldGroups(): { title: string; fields: Field[] }[] {
  const table: SettingTable = planSettings;
  const placed = new Set(groups.flatMap(({ settings }) => settings));
  const field = (setting: string): Field[] => (table[setting] ? [{ setting, spec: table[setting] }] : []);
  const rest = Object.keys(table).filter((setting) => !placed.has(setting));
  return [
    ...groups.map(({ title, settings }) => ({ title, fields: settings.flatMap(field) })),
    { title: 'Heartbeats and bounds', fields: rest.flatMap(field) },
  ];
}

/** `trainingWindowMs` as a label: `Training window`; its unit is said beside it. */
export function labelOf(setting: string): string {
  const words = setting.replace(/Ms$|Bytes$/, '').replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return `${words[0]?.toUpperCase()}${words.slice(1)}`.replace(/ max$/, ', at most');
}

export type Filled = Readonly<Record<string, string>>;

/** The key under which the text of a strategy's parameter is kept, beside those of the settings. */
export const parameterKey = (parameter: string): string => `strategyParameters.${parameter}`;

const valuesGiven = (table: SettingTable, textOfSetting: (setting: string) => string | undefined) =>
  Object.fromEntries(
    Object.entries(table).flatMap(([setting, spec]) => {
      const text = textOfSetting(setting)?.trim() ?? '';
      return text === '' ? [] : [[setting, readValue(spec, text)] as const];
    }),
  );

/**
 * @param parameters those of the chosen strategy, where they are known; of others, what was filled in is left out.
 * @returns what was filled in, as values of their kinds; text that is no such value stays text.
 */
export function planGiven(filled: Filled, parameters: SettingTable = {}): Record<string, unknown> {
  const given = valuesGiven(planSettings, (setting) => filled[setting]);
  const strategyParameters = valuesGiven(parameters, (parameter) => filled[parameterKey(parameter)]);
  return Object.keys(strategyParameters).length > 0 ? { ...given, strategyParameters } : given;
}

/** What a setting goes with, as its help says it: `With selection = oort: …`, `With cohortSize: …`. */
const conditionIn = ({ help }: SettingSpec): { setting: string; value: string | null } | null => {
  const [, setting, value = null] = /^With (\w+)(?: = ([\w-]+))?:/.exec(help) ?? [];
  return setting === undefined ? null : { setting, value };
};

/** @returns whether the setting can do anything, as the form stands; what was filled in is never hidden. */
export function isOfUse({ setting, spec }: Field, filled: Filled, defaults: Partial<Plan>): boolean {
  const condition = conditionIn(spec);
  if (condition === null || filled[setting]) return true;
  const now = filled[condition.setting] || usualText(condition.setting, defaults);
  return condition.value === null ? now !== '' && now !== 'false' : now === condition.value;
}

/** What is taken when nothing is filled in, as far as known. */
export const usualText = (setting: string, defaults: Partial<Plan>): string =>
  textOf(Reflect.get(defaults, setting) ?? (planSettings as SettingTable)[setting]?.default);

/** A plan as the form holds it. @param parameters those of its strategy, where they are known */
export function filledBy(plan: Partial<Plan>, parameters: SettingTable | null): Filled {
  const { strategyParameters = {}, ...settings } = plan;
  const texts = Object.entries(settings).map(([setting, value]) => [setting, textOf(value)]);
  if (!parameters) return Object.fromEntries([...texts, ['strategyParameters', textOf(strategyParameters)]]);
  const given = Object.entries(strategyParameters).map(([name, value]) => [parameterKey(name), textOf(value)]);
  return Object.fromEntries([...texts, ...given]);
}

function readValue(spec: SettingSpec, text: string): unknown {
  switch (spec.kind) {
    case 'integer':
    case 'number': {
      const value = Number(text.replaceAll('_', ''));
      return Number.isNaN(value) ? text : value;
    }
    case 'boolean':
      return text === 'true';
    case 'record':
      return recordOf(text.split('\n'));
    case 'schedule':
      return scheduleOf(text);
    default:
      return text;
  }
}

/** Lines of `name = value`. */
function recordOf(entries: readonly string[]): Record<string, number | string | boolean> {
  const pairs = entries.map((entry) => entry.split('=')).filter(([name = '']) => name.trim() !== '');
  return Object.fromEntries(pairs.map(([name = '', ...rest]) => [name.trim(), scalarOf(rest.join('=').trim())]));
}

/** Lines of `round: name = value, name = value`. */
function scheduleOf(text: string): unknown {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line) => {
    const [round = '', ...rest] = line.split(':');
    return { fromRound: Number(round), values: recordOf(rest.join(':').split(',')) };
  });
}

function scalarOf(text: string): number | string | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  const value = Number(text);
  return text !== '' && Number.isFinite(value) ? value : text;
}

/**
 * @param defaults what the server takes for what is left out, as far as known.
 * @param parameters those of the chosen strategy, where they are known.
 * @returns what is wrong, by setting or by the key of a parameter.
 */
export function problemsOf(
  filled: Filled,
  defaults: Partial<Plan>,
  parameters: SettingTable = {},
): Record<string, string> {
  const given = planGiven(filled, parameters);
  const { problems } = readPlan(given, defaults);
  const ofParameters = Object.entries(parameters).flatMap(([name, spec]) => {
    const value = Reflect.get(given.strategyParameters ?? {}, name);
    const problem = value === undefined ? null : settingProblem(name, spec, value);
    return problem ? [{ ...problem, setting: parameterKey(name) }] : [];
  });
  return Object.fromEntries(
    [...problems, ...ofParameters].map(({ setting, message }) => [setting, withoutFlags(message)]),
  );
}

/** The sentences name command line flags as well; in a form they only confuse. */
const withoutFlags = (message: string): string =>
  message
    .replace(/ \(--[a-z-]+\)/g, '')
    .replace(/--([a-z]+(-[a-z]+)*)/g, (_, flag: string) =>
      flag.replace(/-([a-z])/g, (_match, letter: string) => letter.toUpperCase()),
    );

const stepText = ({ fromRound, values }: HyperparameterStep): string =>
  `${fromRound}: ${textOf(values).replaceAll('\n', ', ')}`;

/** A value as it is typed in. */
export function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return (value as HyperparameterStep[]).map(stepText).join('\n');
  return Object.entries(value)
    .map(([name, inner]) => `${name} = ${inner}`)
    .join('\n');
}
