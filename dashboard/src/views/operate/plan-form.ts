/** The form of a plan, made from the table of its settings, and what was filled in. Pure. */
import type { HyperparameterStep } from '../../../../src/domain/hyperparameters.ts';
import { type Plan, planSettings, readPlan } from '../../../../src/domain/plan.ts';
import type { SettingSpec, SettingTable } from '../../../../src/domain/settings.ts';

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

/** @returns the settings that were filled in, as values of their kinds; text that is no such value stays text. */
export function planGiven(filled: Filled): Record<string, unknown> {
  const table: SettingTable = planSettings;
  const given: Record<string, unknown> = {};
  for (const [setting, text] of Object.entries(filled)) {
    const spec = table[setting];
    if (spec && text.trim() !== '') given[setting] = readValue(spec, text.trim());
  }
  return given;
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

/** @returns what is wrong, by setting. @param defaults what the server takes for what is left out, as far as known. */
export function problemsOf(filled: Filled, defaults: Partial<Plan>): Record<string, string> {
  const { problems } = readPlan(planGiven(filled), defaults);
  return Object.fromEntries(problems.map(({ setting, message }) => [setting, withoutFlags(message)]));
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
