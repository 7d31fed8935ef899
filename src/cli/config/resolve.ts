import { judgeProblem } from '../../domain/evaluation.ts';
import type { Plan } from '../../domain/plan.ts';
import { settingProblem } from '../../domain/settings.ts';
import { isStrategyPath, nameStrategyPath } from '../../domain/strategy-path.ts';
import { readRunPlan } from '../../strategies/of-plan.ts';
import { type CliSetting, planCliSettings, serveCliSettings } from './catalogue.ts';
import type { DemoSettings } from './demo-settings.ts';
import { type Given, problemIn, type Reading } from './given.ts';
import { keepingConflicts, serverConflicts } from './server-conflicts.ts';
import { listSettings, readList, type ServerSettings } from './server-settings.ts';

/** What `chorus serve` was told, with defaults filled in. */
export interface ServeConfig {
  readonly server: ServerSettings;
  readonly plan: Plan;
  readonly demo: DemoSettings;
  /** Names of the settings that somebody gave; the others have their defaults. */
  readonly given: ReadonlySet<string>;
}

/** The value of a setting that counts, and where it came from. */
interface Winner {
  value: unknown;
  source: string;
}

/**
 * Merges what the sources gave. The later one wins; records are merged name by name.
 * @param readings from the weakest source to the strongest.
 */
export function mergeGiven(readings: readonly Reading[]): Map<string, Winner> {
  const merged = new Map<string, Winner>();
  for (const { setting, value, source } of readings.flatMap(({ given }): readonly Given[] => given)) {
    const before = merged.get(setting.name)?.value;
    merged.set(setting.name, { value: setting.spec.kind === 'record' ? mergeRecords(before, value) : value, source });
  }
  return merged;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const mergeRecords = (before: unknown, value: unknown): unknown =>
  isRecord(before) && isRecord(value) ? { ...before, ...value } : value;

/**
 * Settles every setting of `chorus serve`.
 * @param readings from the weakest source to the strongest. @param planDefaults stand below all sources.
 * @returns the settings, and every problem found, a sentence each; with problems, the settings are not to be used.
 */
export function resolveServe(
  readings: readonly Reading[],
  planDefaults: Partial<Plan> = {},
): { config: ServeConfig; problems: string[] } {
  const winners = mergeGiven(readings);
  const ofPath = takeStrategyPath(winners);
  const sentenceOf = (setting: string, message: string) => {
    const source = winners.get(setting)?.source;
    return source ? problemIn(source, message) : message;
  };
  const own = serveCliSettings.filter(({ group }) => group !== 'plan');
  const wrong = new Map<string, string>();
  for (const { name, spec } of own) {
    const winner = winners.get(name);
    const problem = winner ? settingProblem(name, spec, winner.value) : null;
    if (problem) wrong.set(name, sentenceOf(name, problem.message));
  }
  const values = valuesOf(own, winners, wrong);
  const server = values as unknown as ServerSettings;
  const demo = values as unknown as DemoSettings;
  const given = new Set(winners.keys());
  const conflicts = [
    ...serverConflicts(server),
    ...keepingConflicts(server, demo, given),
    ...demoConflicts(demo, winners),
  ]
    .filter((conflict) => !wrong.has(conflict.setting) && !(conflict.with && wrong.has(conflict.with)))
    .map(({ setting, message }) => sentenceOf(setting, message));
  const { plan, problems: planProblems } = readRunPlan(planGiven(winners, planDefaults), planDefaults);
  return {
    config: { server, plan, demo, given },
    problems: [
      ...readings.flatMap(({ problems }) => problems),
      ...ofPath,
      ...wrong.values(),
      ...conflicts,
      ...demoWaitsForEver(demo, plan).map((message) => sentenceOf('minClients', message)),
      ...(planProblems.length > 0 ? [] : judgeProblems(plan, server)).map((message) =>
        sentenceOf('evaluateBy', message),
      ),
      ...planProblems.map(({ setting, message }) => sentenceOf(setting, message)),
    ],
  };
}

/**
 * The plan of a server may name a module by its path: it is given to the server by the name of its file, and chosen so.
 * @returns what is wrong with that.
 */
function takeStrategyPath(winners: Map<string, Winner>): string[] {
  const chosen = winners.get('strategy');
  if (!chosen || !isStrategyPath(chosen.value)) return [];
  const given = winners.get('strategyModules') ?? { value: {}, source: chosen.source };
  const { name, strategy, problem } = nameStrategyPath(chosen.value, isRecord(given.value) ? given.value : {});
  winners.set('strategy', { value: strategy, source: chosen.source });
  if (problem !== null) return [problemIn(chosen.source, problem)];
  // What is no record is refused as it is.
  if (isRecord(given.value))
    winners.set('strategyModules', { ...given, value: { ...given.value, [name]: chosen.value } });
  return [];
}

/** The values that count; the default for those that are wrong, so that the other rules can still be checked. */
function valuesOf(
  settings: readonly CliSetting[],
  winners: ReadonlyMap<string, Winner>,
  wrong: ReadonlyMap<string, string>,
): Record<string, unknown> {
  return Object.fromEntries(
    settings.map(({ name, spec }) => {
      const value = wrong.has(name) ? spec.default : (winners.get(name)?.value ?? spec.default);
      return [name, listSettings.includes(name) ? readList(String(value)) : value];
    }),
  );
}

/** The plan's settings among what was given, whether they are right or not. */
function planGiven(winners: ReadonlyMap<string, Winner>, defaults: Partial<Plan>): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  for (const { name, spec } of planCliSettings) {
    const winner = winners.get(name);
    if (!winner) continue;
    given[name] = spec.kind === 'record' ? mergeRecords(defaults[name as keyof Plan], winner.value) : winner.value;
  }
  return given;
}

/** Settings of the demo without the demo. */
function demoConflicts({ demo }: DemoSettings, winners: ReadonlyMap<string, Winner>): DemoConflict[] {
  if (demo !== 'none') return [];
  return (['split', 'demoClients', 'seed'] as const)
    .filter((setting) => winners.has(setting))
    .map((setting) => ({
      setting,
      message: 'it goes with the demo; add --demo digits, or leave it out.',
      with: 'demo',
    }));
}

/** A plan that wants the server to evaluate, which has nothing to do so with. */
function judgeProblems(plan: Plan, { evaluatorModule }: ServerSettings): string[] {
  const problem = judgeProblem(plan, evaluatorModule !== null);
  return problem === null ? [] : [problem];
}

/** A demo whose plan asks for more clients than will ever come. */
function demoWaitsForEver({ demo, demoClients }: DemoSettings, { minClients }: Plan): string[] {
  if (demo === 'none' || minClients <= demoClients) return [];
  return [
    `minClients (--min-clients) is ${minClients}, but ${demoClients} clients take part in the demo, so no round would open; lower it, or raise --demo-clients.`,
  ];
}

interface DemoConflict {
  setting: keyof DemoSettings;
  message: string;
  with: keyof DemoSettings;
}
