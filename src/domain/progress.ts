import { type EvaluationPlan, type Evaluator, evaluatorsOf } from './evaluation.ts';
import { type Metrics, metricOf } from './metrics.ts';

/** Where a value of the stop metric comes from: `training` are the means of what clients report with their updates. */
export type MetricSource = Evaluator | 'training';

/** How a run has done so far by its stop metric. Plain JSON. */
export interface Progress {
  /** Whose values count; null: nobody has reported any yet. They are never mixed, for they are not of the same data. */
  readonly source: MetricSource | null;
  /** The version with the best value; the first of several that are as good. */
  readonly best: { readonly version: number; readonly value: number } | null;
  /** The value that the next one must improve on by more than `stopMinDelta`. */
  readonly reference: number | null;
  /** Values in a row that did not. */
  readonly stale: number;
  /** Why the run has reached its end, a sentence without its full stop; null: it has not. */
  readonly goal: string | null;
}

export const noProgress: Progress = { source: null, best: null, reference: null, stale: 0, goal: null };

/** The progress after the metrics of a version are known. The one place where it is decided that a run stops early. */
export function noteMetrics(
  plan: EvaluationPlan,
  progress: Progress,
  { source, version, metrics }: { source: MetricSource; version: number; metrics: Metrics },
): Progress {
  const { stopMetric } = plan;
  const value = stopMetric === null ? null : metricOf(metrics, stopMetric);
  if (value === null || !mayCount(plan, source) || source !== (progress.source ?? source)) return progress;
  const { best, reference } = progress;
  const isImprovement = reference === null || gain(plan, reference, value) > plan.stopMinDelta;
  const next: Progress = {
    source,
    best: best === null || gain(plan, best.value, value) > 0 ? { version, value } : best,
    reference: isImprovement ? value : reference,
    stale: isImprovement ? 0 : progress.stale + 1,
    goal: progress.goal,
  };
  return { ...next, goal: next.goal ?? goalOf(plan, next, version, value) };
}

/** When the plan asks for evaluations, only they count: between two of them training would tell of other data. */
function mayCount(plan: EvaluationPlan, source: MetricSource): boolean {
  const evaluators = evaluatorsOf(plan);
  return source === 'training' ? evaluators.length === 0 : evaluators.includes(source);
}

/** By how much `value` is better than `other`; below 0 when it is worse. */
const gain = ({ stopDirection }: EvaluationPlan, other: number, value: number): number =>
  stopDirection === 'max' ? value - other : other - value;

function goalOf(plan: EvaluationPlan, { best, stale }: Progress, version: number, value: number): string | null {
  const { stopMetric, stopTarget, stopPatience, stopMinDelta } = plan;
  if (stopTarget !== null && gain(plan, stopTarget, value) >= 0) {
    return `${stopMetric} reached its target of ${stopTarget} with model version ${version}: ${value}`;
  }
  if (stopPatience === null || stale < stopPatience) return null;
  const by = stopMinDelta > 0 ? ` by more than ${stopMinDelta}` : '';
  const times = stopPatience === 1 ? 'the last time' : `the last ${stopPatience} times`;
  return `${stopMetric} did not improve${by} ${times}; the best is ${best?.value}, of model version ${best?.version}`;
}
