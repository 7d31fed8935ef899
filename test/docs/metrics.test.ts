import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { adviceFor } from '../../scripts/metrics/advice.ts';
import { dashboardQueries } from '../../scripts/metrics/dashboard.ts';
import { allMetrics, type DocumentedMetric, staleFiles } from '../../scripts/metrics-doc.ts';
import { participate, tensor } from '../../src/client/index.ts';
import { createChorus } from '../../src/index.ts';
import { readPage, tableRows } from './pages.ts';
import { unknownIn } from './promql.ts';

let metrics: readonly DocumentedMetric[];
beforeAll(async () => {
  metrics = await allMetrics();
});

const fileIn = (path: string): string => readFileSync(new URL(`../../docs/${path}`, import.meta.url), 'utf8');

/** The metrics that a server shows after a round, with the labels they have. */
async function shownBy(url: string): Promise<Map<string, Set<string>>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const histograms = [...text.matchAll(/^# TYPE (\S+) (?:histogram|summary)$/gm)].map(([, name = '']) => name);
  const shown = new Map<string, Set<string>>();
  for (const [, name = ''] of text.matchAll(/^# TYPE (\S+) /gm)) shown.set(name, new Set());
  for (const [, series = '', labels = ''] of text.matchAll(/^([a-z_:]\w*)(?:\{(.*)\})? /gm)) {
    const base = series.replace(/_(bucket|sum|count)$/, '');
    const of = shown.get(histograms.includes(base) ? base : series);
    if (!of) throw new Error(`${series} has no type`);
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) if (label !== 'le') of.add(label);
  }
  return shown;
}

describe('docs/metrics.md', () => {
  it('is as the code is, and so is the dashboard; when this fails, run "npm run docs:metrics"', async () => {
    expect(await staleFiles(metrics)).toEqual([]);
  });

  it('has every metric that a server shows, with its labels, and no other', async () => {
    const chorus = await createChorus({ plan: { rounds: 1, minClients: 1 }, storage: 'memory', foldThreads: 1 });
    onTestFinished(() => chorus.close({ graceMs: 0 }));
    const { coordinatorUrl, aggregatorUrl } = await chorus.listen({ coordinator: 0, aggregator: 0 });
    await participate({
      url: coordinatorUrl,
      train: () => ({ tensors: { w: tensor([1]) }, numExamples: 1 }),
    });
    const shown = [await shownBy(coordinatorUrl), await shownBy(aggregatorUrl)] as const;
    const rows = new Map(
      tableRows(readPage('docs/metrics.md').text)
        .filter(([name]) => name?.startsWith('`'))
        .map(([name = '', , labels = '']) => [name.replaceAll('`', ''), labels]),
    );
    expect([...new Set(shown.flatMap((one) => [...one.keys()]))].sort()).toEqual([...rows.keys()].sort());
    for (const [name, labels] of shown.flatMap((one) => [...one])) {
      for (const label of labels) expect(rows.get(name), `${name} has ${label}`).toContain(`\`${label}\``);
    }
  });

  it('says of no metric what to do that there is not', () => {
    const names = metrics.map(({ name }) => name);
    expect(Object.keys(adviceFor).filter((name) => !names.includes(name))).toEqual([]);
  });
});

describe('queries', () => {
  it('of the dashboard name metrics and labels that there are', () => {
    expect(dashboardQueries.length).toBeGreaterThan(20);
    expect(dashboardQueries.flatMap((query) => unknownIn(query, metrics))).toEqual([]);
  });

  it('of the alerts name metrics and labels that there are', () => {
    const queries = [...fileIn('prometheus/alerts.yml').matchAll(/^ +expr: (.+)$/gm)].map(([, query = '']) => query);
    expect(queries.length).toBeGreaterThan(5);
    expect(queries.flatMap((query) => unknownIn(query, metrics))).toEqual([]);
  });

  it('that name something else are found', () => {
    expect(unknownIn('rate(chorus_heartbeat_total[5m])', metrics)).toEqual([
      'There is no metric chorus_heartbeat_total',
    ]);
    expect(unknownIn('chorus_phase{state="paused"} == 1', metrics)).toEqual(['chorus_phase has no label state']);
    expect(unknownIn('sum by (code) (chorus_updates_total)', metrics)).toEqual([
      'chorus_updates_total has no label code',
    ]);
    expect(unknownIn('chorus_attempt_phase_seconds', metrics)).toEqual([
      'There is no metric chorus_attempt_phase_seconds',
    ]);
    expect(unknownIn('time()', metrics)).toHaveLength(1);
  });
});

it('counts exclusions and phases of attempts when they are over, and what goes on in the open one', async () => {
  const plan = { rounds: 1, minClients: 2, quorum: 2, trainingWindowMs: 1_000 };
  const chorus = await createChorus({ plan, storage: 'memory', foldThreads: 1 });
  onTestFinished(() => chorus.close({ graceMs: 0 }));
  const { coordinatorUrl } = await chorus.listen({ coordinator: 0, aggregator: 0 });
  const numberOf = async (series: string): Promise<number> => {
    const text = await (await fetch(`${coordinatorUrl}/metrics`)).text();
    const line = text.split('\n').find((one) => one.startsWith(`${series} `));
    return line === undefined ? Number.NaN : Number(line.split(' ').at(-1));
  };
  const happened = (event: string): Promise<void> =>
    new Promise((resolve) => {
      chorus.handle.events.subscribe(({ type }) => type === event && resolve());
    });
  // Else Prometheus would see no increase from the first to the second.
  expect(await numberOf('chorus_exclusions_total{reason="roundAbandoned"}')).toBe(0);
  expect(await numberOf('chorus_exclusions_total{reason="straggler"}')).toBe(0);
  expect(await numberOf('chorus_attempt_phase_seconds_count{phase="aggregating"}')).toBe(0);
  const [selected, abandoned] = [happened('clients.selected'), happened('round.abandoned')];
  chorus.handle.rendezvous();
  chorus.handle.rendezvous();
  await selected;
  expect(await numberOf('chorus_round_quorum')).toBe(2);
  await abandoned;
  expect(await numberOf('chorus_exclusions_total{reason="roundAbandoned"}')).toBeGreaterThanOrEqual(2);
  expect(await numberOf('chorus_attempt_phase_seconds_count{phase="training"}')).toBeGreaterThanOrEqual(1);
  expect(await numberOf('chorus_attempt_phase_seconds_sum{phase="training"}')).toBeGreaterThanOrEqual(0.9);
  expect(await numberOf('chorus_phase_started_timestamp_seconds')).toBeGreaterThan(Date.now() / 1_000 - 60);
});
