import { planSections } from '../../domain/plan.ts';
import { flagOf, type SettingSpec, type SettingTable } from '../../domain/settings.ts';
import { demoSettings } from './demo-settings.ts';
import { serverSections } from './server-settings.ts';

export type SettingGroup = 'server' | 'plan' | 'demo';

/** One setting and everywhere it can be given. */
export interface CliSetting {
  readonly name: string;
  readonly spec: SettingSpec;
  readonly group: SettingGroup;
  /** Heading in the help and in the docs. */
  readonly section: string;
  /** `--training-window-ms` */
  readonly flag: string;
  /** `CHORUS_TRAINING_WINDOW_MS`; null: by flag only. */
  readonly variable: string | null;
  /** `training-window-ms`, in the table of its group; null: by flag only. */
  readonly key: string | null;
}

/** Names the admin token. There is no flag: every user of a machine can read the command lines of its processes. */
export const adminTokenVariable = 'CHORUS_ADMIN_TOKEN';
/** Names the file of settings, as `--config` does. */
export const configVariable = 'CHORUS_CONFIG';
/** Names the server that the client commands talk to, as `--url` does. */
export const urlVariable = 'CHORUS_URL';

/** Variables that start with `CHORUS_` and are no settings of the server. */
export const otherVariables: readonly string[] = [adminTokenVariable, configVariable, urlVariable];

function settingsOf(table: SettingTable, group: SettingGroup, section: string): CliSetting[] {
  return Object.entries(table).map(([name, spec]) => {
    const flag = flagOf(name);
    const key = flag.slice(2);
    const isFlagOnly = group === 'demo';
    return {
      name,
      spec,
      group,
      section,
      flag,
      variable: isFlagOnly ? null : `CHORUS_${key.replaceAll('-', '_').toUpperCase()}`,
      key: isFlagOnly ? null : key,
    };
  });
}

export const planCliSettings: readonly CliSetting[] = Object.entries(planSections).flatMap(([section, table]) =>
  settingsOf(table, 'plan', section),
);

/** Every setting of `chorus serve`, in the order of the help. */
export const serveCliSettings: readonly CliSetting[] = [
  ...Object.entries(serverSections).flatMap(([section, table]) => settingsOf(table, 'server', section)),
  ...planCliSettings,
  ...settingsOf(demoSettings, 'demo', 'Demo'),
];
