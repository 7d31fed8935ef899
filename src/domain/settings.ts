/**
 * One description per setting, from which flags, environment variables, TOML keys, the JSON Schema of a plan, the
 * tables in the docs and the validation are all derived. So a setting is added in one place.
 */
export type SettingSpec =
  | { kind: 'integer'; default: number | null; min: number; max: number; unit?: string; help: string }
  | { kind: 'number'; default: number | null; min: number; max: number; help: string }
  | { kind: 'choice'; default: string; choices: readonly string[]; help: string }
  | { kind: 'boolean'; default: boolean; help: string }
  | { kind: 'text'; default: string | null; help: string }
  | { kind: 'record'; default: Readonly<Record<string, never>>; help: string };

export type SettingTable = Readonly<Record<string, SettingSpec>>;

/** What is wrong with one setting: a sentence that names it and the fix. */
export interface SettingProblem {
  setting: string;
  message: string;
}

const scalar = (value: unknown) => typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

/** `trainingWindowMs` as it is written on the command line: `--training-window-ms`. */
export const flagOf = (setting: string): string =>
  `--${setting.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** @returns the sentence that says why `value` is no legal value of the setting, or null when it is one. */
export function settingProblem(setting: string, spec: SettingSpec, value: unknown): SettingProblem | null {
  const wrong = (expected: string): SettingProblem => ({
    setting,
    message: `${setting} (${flagOf(setting)}) is ${JSON.stringify(value)}; give ${expected}.`,
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
      return spec.choices.includes(value as string) ? null : wrong(`one of ${spec.choices.join(', ')}`);
    case 'boolean':
      return typeof value === 'boolean' ? null : wrong('true or false');
    case 'text':
      return typeof value === 'string' ? null : wrong('text');
    case 'record': {
      const ok = typeof value === 'object' && !Array.isArray(value) && Object.values(value as object).every(scalar);
      return ok ? null : wrong('names with numbers, texts or booleans');
    }
  }
}

/**
 * Fills in defaults and checks every value.
 * @returns the full settings and, when anything is off, every problem found (unknown names included).
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
  for (const name of Object.keys(given)) {
    if (table[name] === undefined) problems.push({ setting: name, message: unknownSetting(name, Object.keys(table)) });
  }
  return { settings: settings as T, problems };
}

function unknownSetting(name: string, known: readonly string[]): string {
  const folded = name.toLowerCase().replace(/[^a-z]/g, '');
  const near = known.find((candidate) => candidate.toLowerCase().startsWith(folded.slice(0, 6)));
  return `${name} is no setting${near ? `; did you mean ${near}?` : `; known are ${known.join(', ')}.`}`;
}
