import { didYouMean } from '../../domain/suggest.ts';
import { adminTokenVariable, type CliSetting } from './catalogue.ts';
import { type Given, problemIn, type Reading } from './given.ts';
import { parseEntry, parseValue } from './parse-value.ts';

/** One entry of a record, as a flag that may be repeated: `--hyperparameter` for `--hyperparameters`. */
export const entryFlagOf = ({ flag }: CliSetting): string => flag.slice(0, -1);

/** What the command line gave: values by the setting's name, and what was not understood, in order. */
export interface Flags {
  readonly values: Readonly<Record<string, unknown>>;
  readonly rest: readonly string[];
}

/**
 * Reads the settings given as flags.
 * @param flags `values` holds texts, or booleans for flags without a value, or the texts of a repeated flag.
 * @param settings those that this command has.
 */
export function fromFlags({ values, rest }: Flags, settings: readonly CliSetting[]): Reading {
  const given: Given[] = [];
  for (const setting of settings) {
    const value = values[setting.name];
    if (value === undefined) continue;
    given.push({
      setting,
      value: typeof value === 'string' ? parseValue(setting.spec, value) : value,
      source: `Flag ${setting.flag}`,
    });
  }
  const entries = recordsOf(settings).map((setting) => readEntries(values[setting.name.slice(0, -1)], setting));
  return {
    given: [...given, ...entries.flatMap((reading) => reading.given)],
    problems: [...entries.flatMap(({ problems }) => problems), ...unknownFlags(rest, settings)],
  };
}

const recordsOf = (settings: readonly CliSetting[]) => settings.filter(({ spec }) => spec.kind === 'record');

function readEntries(texts: unknown, setting: CliSetting): Reading {
  if (!Array.isArray(texts)) return { given: [], problems: [] };
  const source = `Flag ${entryFlagOf(setting)}`;
  const problems: string[] = [];
  const given: Given[] = [];
  for (const text of texts.map(String)) {
    const entry = parseEntry(text);
    if (entry) given.push({ setting, value: Object.fromEntries([[entry.name, entry.value]]), source });
    else
      problems.push(problemIn(source, `${JSON.stringify(text)} is no entry; write name=value, e.g. learningRate=0.1.`));
  }
  return { given, problems };
}

/** Flags nobody knows, with what was probably meant. What follows such a flag is taken for its value. */
function unknownFlags(rest: readonly string[], settings: readonly CliSetting[]): string[] {
  const known = [...settings.map(({ flag }) => flag), ...recordsOf(settings).map(entryFlagOf), '--config', '--plan'];
  return rest.flatMap((argument, at) => {
    const flag = argument.split('=', 1)[0] ?? argument;
    if (flag === '--admin-token') return [adminTokenFlagRefused];
    if (argument.startsWith('-')) return [`${flag} is no flag${didYouMean(flag, known, 'see --help')}`];
    const isValue = rest[at - 1]?.startsWith('-') ?? false;
    return isValue ? [] : [`The argument ${JSON.stringify(argument)} is not expected; settings are flags, see --help.`];
  });
}

const adminTokenFlagRefused = `--admin-token is no flag, since every user of a machine can read its command lines; give --admin-token-file FILE, or the variable ${adminTokenVariable}.`;
