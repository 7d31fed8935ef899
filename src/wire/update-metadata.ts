import { ChorusError } from '../domain/errors.ts';
import { checkMetrics, metricsMax } from '../domain/metrics.ts';
import { parseJsonObject } from './strict-json.ts';

const metricsTextLengthMax = 16_384;

/** What an update says of itself. */
export interface UpdateMetadata {
  /** Its weight: how many examples it was trained on. */
  numExamples: number;
  metrics: Record<string, number>;
}

/**
 * Reads `num_examples` (a decimal integer from 1) and `metrics` (a JSON object of finite numbers; may be left out).
 * @throws NUM_EXAMPLES_INVALID, METRICS_INVALID
 */
export function readUpdateMetadata(
  metadata: Readonly<Record<string, string>>,
  { numExamplesMax }: { numExamplesMax: number },
): UpdateMetadata {
  const text = metadata.num_examples;
  if (text === undefined) throw new ChorusError('NUM_EXAMPLES_INVALID', '__metadata__ has no num_examples');
  const numExamples = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(numExamples) || numExamples > numExamplesMax) {
    throw new ChorusError(
      'NUM_EXAMPLES_INVALID',
      `num_examples is ${JSON.stringify(text.slice(0, 32))}; give a decimal integer from 1 to ${numExamplesMax}`,
    );
  }
  return { numExamples, metrics: readMetrics(metadata.metrics) };
}

function readMetrics(text: string | undefined): Record<string, number> {
  if (text === undefined) return {};
  const wrong = (detail: string) => new ChorusError('METRICS_INVALID', `metrics: ${detail}`);
  if (text.length > metricsTextLengthMax) throw wrong(`more than ${metricsTextLengthMax} characters`);
  return checkMetrics(parseJsonObject(text, wrong, { valuesMax: metricsMax }));
}

/** The inverse of {@link readUpdateMetadata}. */
export function writeUpdateMetadata({
  numExamples,
  metrics = {},
}: {
  numExamples: number;
  metrics?: Record<string, number>;
}) {
  const metadata: Record<string, string> = { num_examples: String(numExamples) };
  if (Object.keys(metrics).length > 0) metadata.metrics = JSON.stringify(metrics);
  return metadata;
}
