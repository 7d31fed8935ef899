/** A curve: what is asked of Prometheus, and what it is called. */
interface Query {
  expr: string;
  legend: string;
}

interface Panel {
  title: string;
  unit: string;
  queries: readonly Query[];
  /** @default timeseries */
  type?: 'timeseries' | 'stat';
}

const panels: readonly Panel[] = [
  {
    title: 'Phase',
    unit: 'none',
    type: 'stat',
    queries: [{ expr: 'chorus_phase == 1', legend: '{{phase}}' }],
  },
  {
    title: 'Round and model version',
    unit: 'none',
    type: 'stat',
    queries: [
      { expr: 'chorus_round', legend: 'round' },
      { expr: 'chorus_model_version', legend: 'version' },
    ],
  },
  {
    title: 'Waiting',
    unit: 's',
    queries: [
      { expr: 'time() - chorus_phase_started_timestamp_seconds', legend: 'in this phase since' },
      {
        expr: '(chorus_phase_deadline_timestamp_seconds > 0) - time()',
        legend: 'given up in',
      },
    ],
  },
  {
    title: 'Progress of the round',
    unit: 'short',
    queries: [
      { expr: 'chorus_round_contributions', legend: 'contributions' },
      { expr: 'chorus_round_quorum', legend: 'quorum' },
      { expr: 'chorus_round_target', legend: 'target' },
    ],
  },
  {
    title: 'Rounds committed and abandoned, an hour',
    unit: 'short',
    queries: [
      { expr: 'increase(chorus_rounds_committed_total[1h])', legend: 'committed' },
      { expr: 'increase(chorus_rounds_abandoned_total[1h])', legend: 'abandoned' },
      { expr: 'sum by (outcome) (increase(chorus_evaluations_total[1h]))', legend: 'evaluation {{outcome}}' },
    ],
  },
  {
    title: 'Phases of attempts, mean',
    unit: 's',
    queries: [
      {
        expr: 'sum by (phase) (rate(chorus_attempt_phase_seconds_sum[15m])) / sum by (phase) (rate(chorus_attempt_phase_seconds_count[15m]))',
        legend: '{{phase}}',
      },
    ],
  },
  { title: 'Clients by state', unit: 'short', queries: [{ expr: 'chorus_clients', legend: '{{state}}' }] },
  {
    title: 'Updates, a second',
    unit: 'ops',
    queries: [{ expr: 'sum by (verdict) (rate(chorus_updates_total[5m]))', legend: '{{verdict}}' }],
  },
  {
    title: 'Exclusions, an hour',
    unit: 'short',
    queries: [{ expr: 'sum by (reason) (increase(chorus_exclusions_total[1h]))', legend: '{{reason}}' }],
  },
  {
    title: 'Bytes, a second',
    unit: 'Bps',
    queries: [
      { expr: 'rate(chorus_update_bytes_received_total[5m])', legend: 'updates in' },
      { expr: 'rate(chorus_model_bytes_served_total[5m])', legend: 'models out' },
    ],
  },
  {
    title: 'Heartbeats, a second',
    unit: 'ops',
    queries: [
      { expr: 'rate(chorus_heartbeats_total[5m])', legend: 'heartbeats' },
      { expr: 'rate(chorus_clients_expired_total[5m])', legend: 'clients lost' },
    ],
  },
  {
    title: 'Latency of heartbeats that are not held',
    unit: 's',
    queries: [
      {
        expr: 'histogram_quantile(0.5, sum by (le) (rate(chorus_http_request_duration_seconds_bucket{route="/v1/clients/:clientId/heartbeat"}[5m])))',
        legend: 'median',
      },
      {
        expr: 'histogram_quantile(0.99, sum by (le) (rate(chorus_http_request_duration_seconds_bucket{route="/v1/clients/:clientId/heartbeat"}[5m])))',
        legend: '99 %',
      },
    ],
  },
  {
    title: 'Staging memory',
    unit: 'bytes',
    queries: [
      { expr: 'chorus_staged_bytes', legend: 'reserved' },
      { expr: 'chorus_staging_bytes_max', legend: 'bound' },
    ],
  },
  {
    title: 'Uploads',
    unit: 'short',
    queries: [
      { expr: 'chorus_uploads_in_flight', legend: 'under way' },
      { expr: 'chorus_uploads_waiting', legend: 'waiting for memory' },
    ],
  },
  {
    title: 'A fold takes, mean',
    unit: 's',
    queries: [{ expr: 'rate(chorus_fold_seconds_total[5m]) / rate(chorus_folds_total[5m])', legend: 'fold' }],
  },
  {
    title: 'Event loop lag, 99 %',
    unit: 's',
    queries: [{ expr: 'nodejs_eventloop_lag_p99_seconds', legend: '{{job}} {{instance}}' }],
  },
  {
    title: 'Journal: a sync takes, mean',
    unit: 's',
    queries: [
      { expr: 'rate(chorus_journal_sync_seconds_total[5m]) / rate(chorus_journal_syncs_total[5m])', legend: 'sync' },
    ],
  },
  {
    title: 'Journal',
    unit: 'short',
    queries: [
      { expr: 'chorus_journal_backlog', legend: 'waiting for the disk' },
      { expr: 'rate(chorus_journal_facts_total[5m])', legend: 'facts a second' },
    ],
  },
  {
    title: 'Aggregator restarts and spans not delivered, an hour',
    unit: 'short',
    queries: [
      { expr: 'increase(chorus_aggregator_restarts_total[1h])', legend: 'restarts' },
      {
        expr: 'sum by (outcome) (increase(chorus_trace_spans_total{outcome!="sent"}[1h]))',
        legend: 'spans {{outcome}}',
      },
    ],
  },
];

/** Every query of the dashboard. */
export const dashboardQueries: readonly string[] = panels.flatMap(({ queries }) => queries.map(({ expr }) => expr));

const columns = 3;
const widthOfAll = 24;
const panelHeight = 8;
// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana fills it in when the file is imported
const datasource = { type: 'prometheus', uid: '${DS_PROMETHEUS}' };

/** A dashboard as Grafana imports it; it asks for the Prometheus to use. */
export function dashboard(): object {
  const width = widthOfAll / columns;
  return {
    __inputs: [{ name: 'DS_PROMETHEUS', label: 'Prometheus', type: 'datasource', pluginId: 'prometheus' }],
    title: 'Chorus',
    uid: 'chorus',
    tags: ['chorus'],
    schemaVersion: 39,
    editable: true,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    panels: panels.map(({ title, unit, queries, type = 'timeseries' }, index) => ({
      id: index + 1,
      title,
      type,
      datasource,
      gridPos: {
        x: (index % columns) * width,
        y: Math.floor(index / columns) * panelHeight,
        w: width,
        h: panelHeight,
      },
      fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
      ...(type === 'stat' ? { options: { textMode: 'value_and_name' } } : {}),
      targets: queries.map(({ expr, legend }, query) => ({
        refId: String.fromCharCode(65 + query),
        datasource,
        expr,
        legendFormat: legend,
      })),
    })),
  };
}
