import { ratioCeil } from './ratio.ts';
import { type SettingProblem, type SettingTable, windowMsMax } from './settings.ts';

/** Who measures how good a model is. */
export type Evaluator = 'clients' | 'server';

/** Largest target: beyond what anybody measures. */
const metricMax = 1e12;

/** The settings of a plan that are about evaluation and about stopping early. */
export const evaluationSettings = {
  evaluateEvery: {
    kind: 'integer',
    default: null,
    min: 1,
    max: 1_000_000,
    help: 'Evaluates the model after every so many rounds, and after the last one. Default: never.',
  },
  evaluateBy: {
    kind: 'choice',
    default: 'clients',
    choices: ['clients', 'server', 'both'],
    help: 'Who evaluates: clients that can, the server’s own evaluator (evaluatorModule), or both.',
  },
  evaluationRatio: {
    kind: 'number',
    default: 1,
    min: 0,
    max: 1,
    help: 'Share of the clients that can evaluate that are asked, rounded up. Not used with evaluationCohortSize.',
  },
  evaluationCohortSize: {
    kind: 'integer',
    default: null,
    min: 1,
    max: 10_000_000,
    help: 'How many clients are asked to evaluate, if there are so many. Replaces evaluationRatio.',
  },
  evaluationQuorum: {
    kind: 'integer',
    default: null,
    min: 1,
    max: 10_000_000,
    help: 'Least results of clients for an evaluation to count. Default: half of those asked, rounded up.',
  },
  evaluationWindowMs: {
    kind: 'integer',
    default: 60_000,
    min: 10,
    max: windowMsMax,
    unit: 'ms',
    help: 'How long clients, or the server’s evaluator, have to evaluate a model; then the run goes on.',
  },
  stopMetric: {
    kind: 'text',
    default: null,
    help: 'Metric by which the best version is marked, and by which the run may stop early. Taken from evaluations when there are any, else from what clients report with their updates.',
  },
  stopDirection: {
    kind: 'choice',
    default: 'max',
    choices: ['max', 'min'],
    help: 'Whether more (max) or less (min) of stopMetric is better.',
  },
  stopTarget: {
    kind: 'number',
    default: null,
    min: -metricMax,
    max: metricMax,
    help: 'The run is finished when stopMetric is as good as this. Default: no target.',
  },
  stopPatience: {
    kind: 'integer',
    default: null,
    min: 1,
    max: 1_000_000,
    help: 'The run is finished after so many values of stopMetric in a row that are no improvement. Default: it is not.',
  },
  stopMinDelta: {
    kind: 'number',
    default: 0,
    min: 0,
    max: metricMax,
    help: 'With stopPatience: by how much stopMetric must improve on the best value that did for it to count.',
  },
} as const satisfies SettingTable;

/** What a plan says of evaluation and of stopping early. */
export interface EvaluationPlan {
  readonly evaluateEvery: number | null;
  readonly evaluateBy: 'clients' | 'server' | 'both';
  readonly evaluationRatio: number;
  readonly evaluationCohortSize: number | null;
  readonly evaluationQuorum: number | null;
  readonly evaluationWindowMs: number;
  readonly stopMetric: string | null;
  readonly stopDirection: 'max' | 'min';
  readonly stopTarget: number | null;
  readonly stopPatience: number | null;
  readonly stopMinDelta: number;
}

/** Who evaluates under this plan, in the order in which they do; the server first, since it needs nobody. */
export function evaluatorsOf({ evaluateEvery, evaluateBy }: EvaluationPlan): readonly Evaluator[] {
  if (evaluateEvery === null) return [];
  return evaluateBy === 'both' ? ['server', 'clients'] : [evaluateBy];
}

/** Who is to evaluate the model of a round, in order. */
export function evaluatorsAfter(
  plan: EvaluationPlan & { readonly rounds: number },
  round: number,
): readonly Evaluator[] {
  const isDue = plan.evaluateEvery !== null && (round % plan.evaluateEvery === 0 || round >= plan.rounds);
  return isDue ? evaluatorsOf(plan) : [];
}

/** @returns a sentence when the plan wants the server to evaluate and it cannot, or null. */
export const judgeProblem = (plan: EvaluationPlan, hasEvaluator: boolean): string | null =>
  hasEvaluator || !evaluatorsOf(plan).includes('server')
    ? null
    : `evaluateBy (--evaluate-by) is "${plan.evaluateBy}", but this server has no evaluator; start it with --evaluator-module FILE, or give "clients".`;

/** How many clients are asked, of those that can evaluate and are there. */
export function evaluationCohort(plan: EvaluationPlan, evaluators: number): number {
  return Math.min(evaluators, plan.evaluationCohortSize ?? ratioCeil(plan.evaluationRatio, evaluators));
}

/** Least results for an evaluation to count, ≥ 1. @param asked clients asked; 0 before any is. */
export const evaluationQuorumOf = (plan: EvaluationPlan, asked: number): number =>
  plan.evaluationQuorum ?? Math.max(1, Math.ceil(asked / 2));

/** @returns a sentence, with the fix, for each rule between these settings that is broken. */
export function evaluationConflicts(plan: EvaluationPlan): SettingProblem[] {
  const problems: SettingProblem[] = [];
  const conflict = (setting: keyof EvaluationPlan, message: string) => problems.push({ setting, message });
  const needless = (setting: keyof EvaluationPlan, flag: string, other: string, otherFlag: string) =>
    conflict(setting, `${setting} (${flag}) does nothing without ${other}; give ${otherFlag} too, or leave it out.`);
  const { evaluateEvery, evaluationCohortSize, evaluationQuorum } = plan;
  if (evaluateEvery === null) {
    if (plan.evaluateBy !== 'clients') needless('evaluateBy', '--evaluate-by', 'evaluateEvery', '--evaluate-every');
    if (evaluationCohortSize !== null)
      needless('evaluationCohortSize', '--evaluation-cohort-size', 'evaluateEvery', '--evaluate-every');
    if (evaluationQuorum !== null)
      needless('evaluationQuorum', '--evaluation-quorum', 'evaluateEvery', '--evaluate-every');
  }
  if (evaluationCohortSize === null && plan.evaluationRatio <= 0) {
    conflict(
      'evaluationRatio',
      'evaluationRatio (--evaluation-ratio) is 0, so no client would ever be asked; give a ratio above 0, up to 1.',
    );
  }
  if (evaluationQuorum !== null && evaluationCohortSize !== null && evaluationQuorum > evaluationCohortSize) {
    conflict(
      'evaluationQuorum',
      `evaluationQuorum (--evaluation-quorum) is ${evaluationQuorum}, but only evaluationCohortSize = ${evaluationCohortSize} clients are asked, so no evaluation could count; lower it, or raise --evaluation-cohort-size.`,
    );
  }
  if (plan.stopMetric === '') conflict('stopMetric', 'stopMetric (--stop-metric) is empty; give the name of a metric.');
  if (plan.stopMetric === null) {
    if (plan.stopTarget !== null) needless('stopTarget', '--stop-target', 'stopMetric', '--stop-metric');
    if (plan.stopPatience !== null) needless('stopPatience', '--stop-patience', 'stopMetric', '--stop-metric');
    if (plan.stopDirection !== 'max') needless('stopDirection', '--stop-direction', 'stopMetric', '--stop-metric');
  }
  if (plan.stopMinDelta > 0 && plan.stopPatience === null) {
    needless('stopMinDelta', '--stop-min-delta', 'stopPatience', '--stop-patience');
  }
  return problems;
}
