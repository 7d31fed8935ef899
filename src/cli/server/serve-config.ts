import type { Plan } from '../../domain/plan.ts';
import { configVariable, planCliSettings, serveCliSettings } from '../config/catalogue.ts';
import { fromFile, fromPlanFile } from '../config/from-file.ts';
import { type Flags, fromFlags } from '../config/from-flags.ts';
import { fromSharedVariables, fromVariables } from '../config/from-variables.ts';
import type { Reading } from '../config/given.ts';
import { readSettingsFile } from '../config/read-file.ts';
import { resolveServe, type ServeConfig } from '../config/resolve.ts';
import { CommandFailure, refuseProblems } from '../failure.ts';
import { type Demo, loadDemo } from './demo.ts';

export type Env = Readonly<Record<string, string | undefined>>;

/**
 * Settles what a server is to be like: flags over variables over the plan's file over the file of settings over variables of others over the demo's plan over defaults.
 * @throws {CommandFailure} exit code 2, with every problem at once.
 */
export async function readServeConfig(flags: Flags, env: Env): Promise<{ config: ServeConfig; demo: Demo | null }> {
  const readings = [
    fromSharedVariables(env, serveCliSettings),
    await readFileGiven(flags.values.config ?? env[configVariable], (document, file) =>
      fromFile(document, file, serveCliSettings),
    ),
    await readFileGiven(flags.values.plan, (document, file) => fromPlanFile(document, file, planCliSettings)),
    fromVariables(env, serveCliSettings),
    fromFlags(flags, serveCliSettings),
  ];
  const first = resolveServe(readings);
  const demo = first.config.demo.demo === 'digits' ? await loadDemo() : null;
  const { config, problems } = demo ? resolveServe(readings, demoPlan(demo, first.config)) : first;
  refuseProblems(problems);
  return { config: demo ? demoDefaults(config) : config, demo };
}

/** A file that cannot be read is a problem like the others, and shown among them. */
async function readFileGiven(
  file: unknown,
  read: (document: Readonly<Record<string, unknown>>, file: string) => Reading,
): Promise<Reading> {
  if (typeof file !== 'string' || file === '') return { given: [], problems: [] };
  try {
    return read(await readSettingsFile(file), file);
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    return { given: [], problems: [error.message] };
  }
}

/** All clients of a demo take part, however many it is told to have. */
const demoPlan = ({ plan }: Demo, { demo }: ServeConfig): Partial<Plan> => ({ ...plan, minClients: demo.demoClients });

/** A demo leaves no traces and is quiet, unless something else was asked for. */
function demoDefaults(config: ServeConfig): ServeConfig {
  const { given, server } = config;
  return {
    ...config,
    server: {
      ...server,
      storage: given.has('storage') || given.has('dataDir') ? server.storage : 'memory',
      logLevel: given.has('logLevel') ? server.logLevel : 'warn',
    },
  };
}
