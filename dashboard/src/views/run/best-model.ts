import type { ModelView } from '../../../../src/domain/model.ts';

/** Metrics by which models are ranked where the plan names none, the first that any has; `most`: which end is good. */
const rankings = [
  { name: /accuracy|^acc$|auc|f1/i, most: true },
  { name: /loss|error|perplexity/i, most: false },
];

export interface Best {
  model: ModelView;
  /** Why it is the best; null: the server has said so, by a metric that is not known here. */
  measure: { name: string; value: number } | null;
}

/** What was found of a model when it was evaluated; the later evaluator has the last word. */
export const evaluated = ({ evaluations }: ModelView): Record<string, number> =>
  Object.assign({}, ...evaluations.map(({ metrics }) => metrics));

/**
 * The best of a run's models: as the server ranks them by the plan's metric; or else by accuracy, or by loss, as
 * evaluated, or where none is, as contributors measured it.
 * @param stopMetric that of the plan, if it has one. @returns null: there is nothing to go by.
 */
export function bestModel(models: readonly ModelView[], stopMetric: string | null = null): Best | null {
  const isEvaluated = models.some((model) => Object.keys(evaluated(model)).length > 0);
  const measuresOf = (model: ModelView) => (isEvaluated ? evaluated(model) : model.metrics);
  const ranked = models.find(({ best }) => best);
  if (ranked) {
    const value = stopMetric === null ? undefined : measuresOf(ranked)[stopMetric];
    return { model: ranked, measure: value === undefined ? null : { name: stopMetric ?? '', value } };
  }
  for (const { name, most } of rankings) {
    let best: (Best & { measure: { value: number } }) | null = null;
    for (const model of models) {
      for (const [metric, value] of Object.entries(measuresOf(model))) {
        if (!name.test(metric)) continue;
        if (!best || (most ? value > best.measure.value : value < best.measure.value)) {
          best = { model, measure: { name: metric, value } };
        }
      }
    }
    if (best) return best;
  }
  return null;
}

/** @returns the best version of each run. */
export function bestVersions(models: readonly ModelView[]): ReadonlySet<number> {
  const runs = new Set(models.map(({ run }) => run));
  const ofEach = [...runs].map((run) => bestModel(models.filter((one) => one.run === run)));
  return new Set(ofEach.flatMap((best) => best?.model.version ?? []));
}
