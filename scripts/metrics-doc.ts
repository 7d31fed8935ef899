/**
 * Writes `docs/metrics.md` and the dashboard for Grafana from the metrics that both listeners have: `npm run
 * docs:metrics`. With `--check` nothing is written, and the exit code is 1 when one is stale.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Registry } from 'prom-client';
import { createCore } from '../src/core.ts';
import { AttemptNumbers } from '../src/http/attempt-numbers.ts';
import { Durations } from '../src/http/durations.ts';
import type { Histogram } from '../src/http/histogram.ts';
import { aggregatorMetrics, coordinatorMetrics } from '../src/http/metrics.ts';
import { adviceFor, processAdvice } from './metrics/advice.ts';
import { dashboard } from './metrics/dashboard.ts';

export interface DocumentedMetric {
  name: string;
  type: string;
  labels: readonly string[];
  help: string;
  /** Which listener has it. */
  at: string;
}

/** Every metric, by name: of the coordinator, of the aggregator, or of both. */
export async function allMetrics(): Promise<DocumentedMetric[]> {
  const core = await createCore({ aggregator: 'inline', autoStart: false });
  try {
    if (!core.gate) throw new Error('There is no aggregator here');
    const attempts = new AttemptNumbers(core.handle);
    const durations = new Durations().histogram;
    const spans = () => ({ sent: 0, failed: 0, dropped: 0 });
    const coordinator = coordinatorMetrics(core.handle, attempts, spans);
    return merged(
      describe(coordinator, [durations, attempts.phases], 'coordinator'),
      describe(aggregatorMetrics(core.gate), [durations], 'aggregator'),
    );
  } finally {
    await core.close({ graceMs: 0 });
  }
}

function describe(registry: Registry, histograms: readonly Histogram[], at: string): DocumentedMetric[] {
  const counted = histograms.map(({ about: { name, help, labelNames } }) => {
    return { name, help, type: 'histogram', labels: labelNames, at };
  });
  const read = registry.getMetricsAsArray().map((metric) => {
    const {
      name,
      help,
      labelNames = [],
      type,
    } = metric as unknown as {
      name: string;
      help: string;
      labelNames?: string[];
      type: string;
    };
    return { name, help, type: String(type), labels: [...labelNames].filter((label) => label !== 'le'), at };
  });
  return [...counted, ...read];
}

function merged(one: readonly DocumentedMetric[], other: readonly DocumentedMetric[]): DocumentedMetric[] {
  const shared = new Set(other.map(({ name }) => name));
  const names = new Set(one.map(({ name }) => name));
  return [
    ...one.map((metric) => (shared.has(metric.name) ? { ...metric, at: 'both' } : metric)),
    ...other.filter(({ name }) => !names.has(name)),
  ];
}

const isOurs = ({ name }: DocumentedMetric): boolean => name.startsWith('chorus_');

/** What is told of a number of the process. */
export const adviceOfProcess = (name: string): string | undefined =>
  Object.entries(processAdvice).find(([prefix]) => name.startsWith(prefix))?.[1];

/** @throws when a metric is told nothing of. */
export function metricsDoc(metrics: readonly DocumentedMetric[]): string {
  const order = Object.keys(adviceFor);
  const ours = metrics.filter(isOurs).sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  return `${introduction}
## Numbers of Chorus

| Metric | Type | Labels | Unit | Where | What | When it moves |
| --- | --- | --- | --- | --- | --- | --- |
${ours.map(row).join('\n')}

## Numbers of the process

Both listeners have them: \`process_\` is the same at both, \`nodejs_\` is of the listener’s own thread.

| Metric | Type | Labels | When it moves |
| --- | --- | --- | --- |
${metrics
  .filter((metric) => !isOurs(metric))
  .map(processRow)
  .join('\n')}

${usage}`;
}

const labelsCell = (labels: readonly string[]): string =>
  labels.length === 0 ? '–' : labels.map((label) => `\`${label}\``).join(', ');

function row({ name, type, labels, help, at }: DocumentedMetric): string {
  const known = adviceFor[name];
  if (!known) throw new Error(`scripts/metrics/advice.ts says nothing of ${name}`);
  return `| \`${name}\` | ${type} | ${labelsCell(labels)} | ${known.unit} | ${at} | ${help} | ${known.advice} |`;
}

function processRow({ name, type, labels }: DocumentedMetric): string {
  const advice = adviceOfProcess(name);
  if (advice === undefined) throw new Error(`scripts/metrics/advice.ts says nothing of ${name}`);
  return `| \`${name}\` | ${type} | ${labelsCell(labels)} | ${advice} |`;
}

const introduction = `# Metrics

Written from the code by \`npm run docs:metrics\`; do not edit. A test fails when it is stale.

\`GET /metrics\` of the coordinator (port 8081) and of the aggregator (port 8082) has them in the format of Prometheus.
Counters begin at 0 with each process. No metric names a client.
`;

const usage = `## Prometheus and Grafana

[\`prometheus.yml\`](prometheus/prometheus.yml) is an example of what to scrape, and
[\`alerts.yml\`](prometheus/alerts.yml) has a few rules to begin with. Copy both, and put in where your server is:

\`\`\`sh
prometheus --config.file=prometheus.yml
\`\`\`

[\`chorus.json\`](grafana/chorus.json) is a dashboard for Grafana: *Dashboards*, *New*, *Import*, upload the file, and
choose the Prometheus that scrapes the server. It has the phase and the progress of the round, what was excluded and why,
bytes, heartbeats and their latency, staging memory, folds, event loop lag and the journal.
`;

const root = new URL('../docs/', import.meta.url);

/** Files that differ from what the code says. */
export async function staleFiles(metrics: readonly DocumentedMetric[]): Promise<string[]> {
  const stale: string[] = [];
  for (const [path, text] of filesOf(metrics)) {
    if ((await readFile(new URL(path, root), 'utf8').catch(() => null)) !== text) stale.push(`docs/${path}`);
  }
  return stale;
}

const filesOf = (metrics: readonly DocumentedMetric[]): [path: string, text: string][] => [
  ['metrics.md', metricsDoc(metrics)],
  ['grafana/chorus.json', `${JSON.stringify(dashboard(), null, 2)}\n`],
];

async function main(): Promise<void> {
  const metrics = await allMetrics();
  if (!process.argv.includes('--check')) {
    for (const [path, text] of filesOf(metrics)) await writeFile(new URL(path, root), text);
    return;
  }
  const stale = await staleFiles(metrics);
  if (stale.length === 0) return;
  console.error(`${stale.join(', ')} stale. Run "npm run docs:metrics" and commit the result.`);
  process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
