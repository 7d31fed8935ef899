import { ChorusError } from './errors.ts';

/** Means of a round, or what a model was measured to be, by name. All finite. */
export type Metrics = Record<string, number>;

/** Metrics that one update or one result may hold. */
export const metricsMax = 64;
const nameLengthMax = 128;

/** @returns the metrics, checked name by name. @throws METRICS_INVALID */
export function checkMetrics(entries: Iterable<readonly [string, unknown]>): Metrics {
  const metrics: Metrics = {};
  const wrong = (detail: string) => new ChorusError('METRICS_INVALID', `metrics: ${detail}`);
  let count = 0;
  for (const [name, value] of entries) {
    count += 1;
    if (count > metricsMax) throw wrong(`more than ${metricsMax} names`);
    if (name === '__proto__') throw wrong('"__proto__" cannot be a name');
    if (name.length === 0 || name.length > nameLengthMax) throw wrong(`a name has 1 to ${nameLengthMax} characters`);
    if (typeof value !== 'number' || !Number.isFinite(value)) throw wrong(`"${name.slice(0, 64)}" is no finite number`);
    metrics[name] = value;
  }
  return metrics;
}

/** @returns the metric, or null when it was not reported: a name may be that of something every object has. */
export const metricOf = (metrics: Readonly<Metrics>, name: string): number | null =>
  Object.hasOwn(metrics, name) ? (metrics[name] ?? null) : null;
