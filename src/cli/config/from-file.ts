import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isStrategyPath } from '../../domain/strategy-path.ts';
import { didYouMean } from '../../domain/suggest.ts';
import type { CliSetting, SettingGroup } from './catalogue.ts';
import { type Given, problemIn, type Reading } from './given.ts';
import { listSettings } from './server-settings.ts';

type Table = Readonly<Record<string, unknown>>;
const groups: readonly SettingGroup[] = ['server', 'plan'];

const isTable = (value: unknown): value is Table =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);

/** `training-window-ms` as the setting is named in the API; `trainingWindowMs` stays as it is. */
const nameOf = (key: string): string => key.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

/**
 * Reads a parsed file of settings: tables `[server]` and `[plan]`, keys written like the flags (`min-clients`) or as in
 * the API (`minClients`).
 * @param file its name, for the sentences.
 */
export function fromFile(document: Table, file: string, settings: readonly CliSetting[]): Reading {
  const given: Given[] = [];
  const problems: string[] = [];
  for (const [key, value] of Object.entries(document)) {
    const group = groups.find((candidate) => candidate === key);
    if (!group) problems.push(outsideOfTables(key, file, settings));
    else if (!isTable(value))
      problems.push(problemIn(file, `${key} is no table; write [${key}] and its settings below.`));
    else {
      const reading = fromTable(value, { group, file, settings, label: `[${group}] ` });
      given.push(...reading.given);
      problems.push(...reading.problems);
    }
  }
  return { given, problems };
}

/** Reads a parsed plan, for a run: a whole file of settings, of which `[plan]` counts, or the plan's settings alone. */
export function fromPlanFile(document: Table, file: string, settings: readonly CliSetting[]): Reading {
  const { $schema: _, ...alone } = document;
  const plan = document.plan;
  return isTable(plan)
    ? fromTable(plan, { group: 'plan', file, settings, label: '[plan] ' })
    : fromTable(alone, { group: 'plan', file, settings, label: '' });
}

interface Place {
  group: SettingGroup;
  file: string;
  settings: readonly CliSetting[];
  /** How the table is named in sentences. */
  label: string;
}

function fromTable(table: Table, { group, file, settings, label }: Place): Reading {
  const byName = new Map(
    settings.filter((setting) => setting.group === group).map((setting) => [setting.name, setting]),
  );
  const given: Given[] = [];
  const problems: string[] = [];
  const seen = new Set<string>();
  for (const [key, value] of Object.entries(table)) {
    const source = `${file}, ${label}${key}`;
    const setting = byName.get(nameOf(key));
    if (!setting) {
      const known = [...byName.values()].map((candidate) => candidate.key ?? candidate.name);
      problems.push(problemIn(source, unknownKey(key, known)));
    } else if (seen.has(setting.name)) problems.push(problemIn(source, 'it is given twice; leave one out.'));
    else given.push({ setting, value: asGiven(setting, value, file), source });
    seen.add(nameOf(key));
  }
  return { given, problems };
}

function unknownKey(key: string, known: readonly string[]): string {
  if (nameOf(key) === 'adminToken') {
    return 'a secret does not belong among settings; name a file of its own with admin-token-file.';
  }
  return `it is no setting${didYouMean(key, known, `known are ${known.join(', ')}`)}`;
}

function outsideOfTables(key: string, file: string, settings: readonly CliSetting[]): string {
  const setting = settings.find((candidate) => candidate.key !== null && candidate.name === nameOf(key));
  const advice = setting
    ? `; put it below [${setting.group}].`
    : didYouMean(key, groups, 'there are [server] and [plan]');
  return problemIn(`${file}, ${key}`, `it is no table of settings${advice}`);
}

/**
 * A list may be written as an array of texts, the keys of a schedule like those of settings, and the module of a strategy
 * by its place beside the file.
 */
function asGiven(setting: CliSetting, value: unknown, file: string): unknown {
  if (setting.spec.kind === 'choice' && isStrategyPath(value)) return besideFile(value, file);
  if (setting.spec.kind === 'schedule' && Array.isArray(value)) {
    return value.map((step) =>
      isTable(step) ? Object.fromEntries(Object.entries(step).map(([key, inner]) => [nameOf(key), inner])) : step,
    );
  }
  const isList = listSettings.includes(setting.name) && Array.isArray(value);
  return isList && value.every((item) => typeof item === 'string') ? value.join(',') : value;
}

const besideFile = (path: string, file: string): string =>
  path.startsWith('file:') ? new URL(path, pathToFileURL(resolve(file))).href : resolve(dirname(file), path);
