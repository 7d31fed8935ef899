import type { ModelInfo } from '../../../../src/domain/model.ts';

/** Metrics by which models are ranked, the first that any of them reports; `most` says which end is good. */
const rankings = [
  { name: /accuracy|^acc$|auc|f1/i, most: true },
  { name: /loss|error|perplexity/i, most: false },
];

/** @returns the best of the models by accuracy, or else by loss, as their contributors measured it; null: no such metric. */
export function bestModel(models: readonly ModelInfo[]): { model: ModelInfo; metric: string; value: number } | null {
  for (const { name, most } of rankings) {
    let best: { model: ModelInfo; metric: string; value: number } | null = null;
    for (const model of models) {
      for (const [metric, value] of Object.entries(model.metrics)) {
        if (!name.test(metric)) continue;
        if (!best || (most ? value > best.value : value < best.value)) best = { model, metric, value };
      }
    }
    if (best) return best;
  }
  return null;
}
