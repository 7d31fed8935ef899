import { type Command, Option } from 'commander';
import { choicesOf, type SettingSpec } from '../domain/settings.ts';
import type { CliSetting } from './config/catalogue.ts';
import { entryFlagOf, type Flags } from './config/from-flags.ts';

/** What stands for a text in the help, where "text" says too little. */
const placeholders: Readonly<Record<string, string>> = {
  host: 'address',
  dataDir: 'folder',
  adminTokenFile: 'file',
  evaluatorModule: 'file',
  stopMetric: 'name',
  allowedHosts: 'names',
  corsOrigins: 'origins',
};

function placeholder(name: string, spec: SettingSpec): string {
  if (spec.kind === 'integer') return spec.unit ?? 'n';
  if (spec.kind === 'record' || spec.kind === 'schedule') return 'json';
  return placeholders[name] ?? { number: 'x', choice: 'choice', text: 'text', boolean: 'true|false' }[spec.kind];
}

/** `(default: 60000 ms, CHORUS_SELECTION_WINDOW_MS)`: what stands behind the help of a setting, apart from its bounds. */
function serveFacts({ spec, variable }: CliSetting): string {
  const { default: value } = spec;
  const isShown = value !== null && value !== '' && spec.kind !== 'record';
  const unit = 'unit' in spec && spec.unit ? ` ${spec.unit}` : '';
  const shown = [...(isShown ? [`default: ${String(value)}${unit}`] : []), ...(variable ? [variable] : [])];
  return shown.length > 0 ? ` (${shown.join(', ')})` : '';
}

/** The help of a setting; with the choices there are, unless it explains them anyway. */
function describe(setting: CliSetting, isServe: boolean): string {
  const { spec } = setting;
  const facts = isServe ? serveFacts(setting) : '';
  const isNamed = spec.kind !== 'choice' || spec.choices.every((choice) => spec.help.includes(choice));
  return `${spec.help}${isNamed ? '' : ` One of ${choicesOf(spec).join(', ')}.`}${facts}`;
}

function optionsOf(setting: CliSetting, isServe: boolean): Option[] {
  const { flag, name, spec } = setting;
  const named = placeholder(name, spec);
  if (spec.kind === 'boolean') {
    const negative = new Option(flag.replace('--', '--no-')).hideHelp();
    return [new Option(`${flag} [${named}]`, describe(setting, isServe)), negative];
  }
  const option = new Option(`${flag} <${named}>`, describe(setting, isServe));
  if (spec.kind !== 'record') return [option];
  const entry = new Option(`${entryFlagOf(setting)} <name=value>`, `One entry of ${flag}; may be repeated.`);
  return [option, entry.argParser((text: string, before: string[] | undefined) => [...(before ?? []), text])];
}

/**
 * Gives a command a flag for each setting, grouped as they are in the catalogue. What it does not know is kept, so that
 * it can be reported together with everything else that is wrong.
 * @param isServe whether variables and defaults stand behind the flags; else what is left out is the server's matter.
 */
export function addSettingOptions(command: Command, settings: readonly CliSetting[], isServe: boolean): Command {
  for (const setting of settings) {
    for (const option of optionsOf(setting, isServe)) command.addOption(option.helpGroup(`${setting.section}:`));
  }
  return command.allowUnknownOption().allowExcessArguments();
}

/** What the command line gave to a command made by {@link addSettingOptions}. */
export const flagsOf = (command: Command): Flags => ({ values: command.opts(), rest: command.args });
