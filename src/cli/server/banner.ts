import type { Style } from '../render/style.ts';

/** What is known once a server listens. */
export interface Listening {
  readonly coordinatorUrl: string;
  readonly aggregatorUrl: string;
  readonly hasInspectPage: boolean;
  /** null: nothing outlives the process. */
  readonly dataDir: string | null;
  /** Where an operator finds the admin token, never the token itself. */
  readonly adminTokenAt: string;
  /** The run of an earlier server that it came back to, in a sentence; null: it has none of these. */
  readonly resumed: string | null;
  /** What the run waits for. */
  readonly waiting: string;
}

const labelWidth = 12;

/** The same as fields of a log line, for machines. */
export function listeningFields(listening: Listening): Record<string, unknown> {
  const { coordinatorUrl, hasInspectPage, ...rest } = listening;
  const inspectUrl = hasInspectPage ? { inspectUrl: `${coordinatorUrl}/inspect` } : {};
  return {
    coordinatorUrl,
    dashboardUrl: `${coordinatorUrl}/`,
    ...rest,
    docsUrl: `${coordinatorUrl}/docs`,
    ...inspectUrl,
  };
}

/** What people read when a server is up: where it is, where things are kept, and what comes next. */
export function bannerLines(listening: Listening, version: string, style: Style): string[] {
  const { coordinatorUrl, aggregatorUrl, hasInspectPage, dataDir, adminTokenAt, resumed, waiting } = listening;
  const line = (label: string, text: string) => `  ${style.faint(label.padEnd(labelWidth))} ${text}`;
  return [
    style.strong(`Chorus ${version} listens`),
    line('coordinator', coordinatorUrl),
    line('dashboard', `${coordinatorUrl}/`),
    line('aggregator', aggregatorUrl),
    line('API docs', `${coordinatorUrl}/docs`),
    ...(hasInspectPage ? [line('statecharts', `${coordinatorUrl}/inspect`)] : []),
    line('data', dataDir ?? 'in memory; nothing outlives this process'),
    line('admin token', adminTokenAt),
    ...(resumed === null ? [] : [line('came back', resumed)]),
    line('next', waiting),
    line('stop', 'Ctrl-C lets uploads under way end; once more stops at once'),
  ];
}
