import { didYouMean, nearest } from './suggest.ts';

/**
 * One description per setting, from which flags, environment variables, TOML keys, the JSON Schema of a plan, the
 * tables in the docs and the validation are all derived. So a setting is added in one place.
 */
export type SettingSpec =
  | { kind: 'integer'; default: number | null; min: number; max: number; unit?: string; help: string }
  | { kind: 'number'; default: number | null; min: number; max: number; help: string }
  | {
      kind: 'choice';
      default: string;
      choices: readonly string[];
      /** What begins like this may be chosen too. @property what stands for the rest */
      or?: { prefix: string; what: string };
      /** What a document may say that whoever reads it must turn into a choice; else it is refused like this. */
      outside?: { pattern: RegExp; refusal: (value: string) => string };
      help: string;
    }
  | { kind: 'boolean'; default: boolean; help: string }
  | { kind: 'text'; default: string | null; help: string }
  | { kind: 'record'; default: Readonly<Record<string, never>>; help: string }
  /** A list of `{ fromRound, values }`. */
  | { kind: 'schedule'; default: readonly never[]; help: string };

export type SettingTable = Readonly<Record<string, SettingSpec>>;

/** The longest window or timeout a setting may ask for: 24 days, what Node's timers can hold, ms. */
export const windowMsMax = 2_147_483_647;

/** What is wrong with one setting: a sentence that names it and the fix. */
export interface SettingProblem {
  setting: string;
  message: string;
}

/** Steps of a schedule, at most. */
const stepsMax = 1_000;

/** Unknown names that are told: each is compared with all known ones. */
const unknownMax = 16;

/** Levels of a wrong value that are repeated to who gave it. */
const levelsShown = 4;

const scalar = (value: unknown) =>
  typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));

/** `trainingWindowMs` as it is written on the command line: `--training-window-ms`. */
export const flagOf = (setting: string): string =>
  `--${setting.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** @returns the sentence that says why `value` is no legal value of the setting, or null when it is one. */
export function settingProblem(setting: string, spec: SettingSpec, value: unknown): SettingProblem | null {
  const wrong = (expected: string): SettingProblem => ({
    setting,
    message: `${setting} (${flagOf(setting)}) is ${JSON.stringify(upToDepth(value, levelsShown))}; give ${expected}.`,
  });
  if (value === null) return 'default' in spec && spec.default === null ? null : wrong('a value');
  switch (spec.kind) {
    case 'integer': {
      const ok = Number.isSafeInteger(value) && (value as number) >= spec.min && (value as number) <= spec.max;
      return ok ? null : wrong(`a whole number from ${spec.min} to ${spec.max}${spec.unit ? ` ${spec.unit}` : ''}`);
    }
    case 'number': {
      const ok = typeof value === 'number' && value >= spec.min && value <= spec.max;
      return ok ? null : wrong(`a number from ${spec.min} to ${spec.max}`);
    }
    case 'choice':
      if (typeof value === 'string' && spec.outside?.pattern.test(value)) {
        const { refusal } = spec.outside;
        return { setting, message: `${setting} (${flagOf(setting)}) is ${JSON.stringify(value)}, ${refusal(value)}.` };
      }
      return isChoice(spec, value) ? null : likely(wrong(`one of ${choicesOf(spec).join(', ')}`), spec, value);
    case 'boolean':
      return typeof value === 'boolean' ? null : wrong('true or false');
    case 'text':
      return typeof value === 'string' ? null : wrong('text');
    case 'record':
      return isRecord(value) ? null : wrong('names with finite numbers, texts or booleans');
    case 'schedule':
      return isSchedule(value)
        ? null
        : wrong(
            `a list of at most ${stepsMax} steps { fromRound, values }, each fromRound a whole number from 1 and another than the rest, values names with finite numbers, texts or booleans`,
          );
  }
}

/** Adds what was probably meant. */
function likely(problem: SettingProblem, { choices }: Choice, value: unknown): SettingProblem {
  const near = typeof value === 'string' ? nearest(value, choices) : null;
  return near === null ? problem : { ...problem, message: `${problem.message} Did you mean ${near}?` };
}

/**
 * The value without what lies deeper: `JSON.stringify` follows it down until the stack is full, and then throws. Of a number
 * that is not finite it would say that there is none.
 */
function upToDepth(value: unknown, levels: number): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (levels === 0) return '…';
  if (Array.isArray(value)) return value.map((item) => upToDepth(item, levels - 1));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, upToDepth(item, levels - 1)]));
}

type Choice = SettingSpec & { kind: 'choice' };

const isChoice = ({ choices, or }: Choice, value: unknown): boolean =>
  typeof value === 'string' &&
  (choices.includes(value) || (or !== undefined && value.startsWith(or.prefix) && value.length > or.prefix.length));

/** What may be chosen, to be read. */
export const choicesOf = ({ choices, or }: Choice): string[] => [...choices, ...(or ? [`${or.prefix}${or.what}`] : [])];

const isRecord = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(scalar);

function isSchedule(value: unknown): boolean {
  if (!Array.isArray(value) || value.length > stepsMax) return false;
  const rounds = new Set<number>();
  for (const step of value as unknown[]) {
    if (typeof step !== 'object' || step === null) return false;
    const { fromRound, values, ...rest } = step as Record<string, unknown>;
    if (!Number.isSafeInteger(fromRound) || (fromRound as number) < 1 || rounds.has(fromRound as number)) return false;
    if (!isRecord(values) || Object.keys(rest).length > 0) return false;
    rounds.add(fromRound as number);
  }
  return true;
}

/**
 * Fills in defaults and checks every value.
 * @returns the full settings and, when anything is off, every problem found, of unknown names the first {@link unknownMax}.
 */
export function resolveSettings<T>(
  table: SettingTable,
  given: Readonly<Record<string, unknown>>,
): { settings: T; problems: SettingProblem[] } {
  const problems: SettingProblem[] = [];
  const settings: Record<string, unknown> = {};
  for (const [setting, spec] of Object.entries(table)) {
    const value = given[setting] === undefined ? spec.default : given[setting];
    settings[setting] = value;
    const problem = settingProblem(setting, spec, value);
    if (problem) problems.push(problem);
  }
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(table, name));
  problems.push(...unknown.slice(0, unknownMax).map((name) => unknownSetting(name, Object.keys(table))));
  return { settings: settings as T, problems };
}

const unknownSetting = (name: string, known: readonly string[]): SettingProblem => ({
  setting: name,
  message: `${name} is no setting${didYouMean(name, known, `known are ${known.join(', ')}`)}`,
});
