import { didYouMean } from '../../domain/suggest.ts';
import { type CliSetting, otherVariables } from './catalogue.ts';
import { type Given, problemIn, type Reading } from './given.ts';
import { parseValue } from './parse-value.ts';

const prefix = 'CHORUS_';
/** Variables of the test suite; a server started by a test ignores them. */
const testPrefix = 'CHORUS_TEST_';

/** Variables that are not ours alone: what we are told ourselves, by whatever source, counts over them. */
const sharedVariables = { OTEL_EXPORTER_OTLP_ENDPOINT: 'otlpEndpoint' } as const;

/**
 * Reads the settings given by environment variables. An empty variable counts as not set, as compose files leave it;
 * an unknown one is refused, for it was meant to say something.
 */
export function fromVariables(
  env: Readonly<Record<string, string | undefined>>,
  settings: readonly CliSetting[],
): Reading {
  const byVariable = new Map(
    settings.flatMap((setting) => (setting.variable ? [[setting.variable, setting] as const] : [])),
  );
  const given: Given[] = [];
  const problems: string[] = [];
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith(prefix) || variable.startsWith(testPrefix) || otherVariables.includes(variable)) continue;
    if (text === undefined || text === '') continue;
    const setting = byVariable.get(variable);
    const source = `Variable ${variable}`;
    if (setting) given.push({ setting, value: parseValue(setting.spec, text), source });
    else {
      const known = [...byVariable.keys(), ...otherVariables];
      problems.push(
        problemIn(source, `it sets nothing${didYouMean(variable, known, 'unset it, or see --help for the variables')}`),
      );
    }
  }
  return { given, problems };
}

/** Reads the settings that variables of others give. */
export function fromSharedVariables(
  env: Readonly<Record<string, string | undefined>>,
  settings: readonly CliSetting[],
): Reading {
  const given = Object.entries(sharedVariables).flatMap(([variable, name]): Given[] => {
    const setting = settings.find((one) => one.name === name);
    const value = env[variable];
    return setting && value ? [{ setting, value, source: `Variable ${variable}` }] : [];
  });
  return { given, problems: [] };
}
