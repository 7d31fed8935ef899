/**
 * Draws `docs/img/trace.svg`, the trace of an example round, with the spans that a server would send: `npm run
 * docs:trace`. With `--check` nothing is written, and the exit code is 1 when it is stale.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { RoundRecord } from '../src/domain/handle.ts';
import { attemptSpans, roundSpan } from '../src/tracing/attempt-spans.ts';
import type { TraceSpan } from '../src/tracing/trace-span.ts';

const file = new URL('../docs/img/trace.svg', import.meta.url);

const marksOf = (clientId: string, startedAtMs: number, downloadedAtMs: number, uploadingAtMs: number | null) => ({
  clientId,
  selectedAtMs: 300,
  startedAtMs,
  downloadedAtMs,
  uploadingAtMs,
});

/** A round of three clients, of which one goes silent; ms. */
const example: RoundRecord = {
  run: 'an example',
  round: 7,
  attempt: 1,
  kind: 'training',
  phase: 'committed',
  openedAtMs: 0,
  trainingAtMs: 300,
  aggregatingAtMs: 9_000,
  endedAtMs: 10_000,
  deadlineAtMs: null,
  target: 3,
  quorum: 2,
  cohort: ['1795a88e', '17cad665', '6f29cb55'],
  contributions: [
    { round: 7, clientId: '1795a88e', sha256: '73be…', numExamples: 600, acceptedAtMs: 6_200, metrics: {} },
    { round: 7, clientId: '17cad665', sha256: '69d6…', numExamples: 540, acceptedAtMs: 9_000, metrics: {} },
  ],
  exclusions: [{ clientId: '6f29cb55', reason: 'heartbeatTimeout', atMs: 8_000 }],
  modelVersion: 7,
  reason: null,
  metrics: {},
  numExamples: 1_140,
  marks: [
    marksOf('1795a88e', 500, 700, 5_600),
    marksOf('17cad665', 600, 900, 8_100),
    marksOf('6f29cb55', 700, 1_300, null),
  ],
};

const rowHeight = 22;
const labelWidth = 250;
const chartWidth = 560;
const margin = 12;
const fill = { ok: '#2f855a', none: '#4a7ebb', error: '#c53030' } as const;

/** @returns the picture, a row for each span, those below others indented. */
export function tracePicture(): string {
  const notes = { committingAtMs: 9_700, events: [], clients: new Map() };
  const spans = [roundSpan([example]), ...attemptSpans(example, notes)];
  const rows = inOrder(spans, null, 0);
  const width = labelWidth + chartWidth + 2 * margin;
  const height = rows.length * rowHeight + 2 * margin;
  const title = 'A round’s trace: the round, its attempt, the phases, and each client with its own phases as bars';
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="system-ui, sans-serif" font-size="13">
<title>${title}</title>
<rect width="${width}" height="${height}" fill="#ffffff"/>
${rows.map(drawRow).join('\n')}
</svg>
`;
}

interface Row {
  span: TraceSpan;
  depth: number;
}

const inOrder = (spans: readonly TraceSpan[], parentId: string | null, depth: number): Row[] =>
  spans
    .filter((span) => span.parentId === parentId)
    .flatMap((span) => [{ span, depth }, ...inOrder(spans, span.spanId, depth + 1)]);

function drawRow({ span, depth }: Row, index: number): string {
  const { name, startMs, endMs, status, attributes } = span;
  const y = margin + index * rowHeight;
  const scale = chartWidth / (example.endedAtMs ?? 1);
  const client = name === 'client' ? ` ${attributes['chorus.client.id']}` : '';
  const why = status.kind === 'error' && name === 'client' ? `: ${status.message}` : '';
  const x = margin + labelWidth + startMs * scale;
  const bar = `<rect x="${round(x)}" y="${y + 4}" width="${round(Math.max(2, (endMs - startMs) * scale))}" height="${rowHeight - 8}" rx="2" fill="${fill[status.kind]}"/>`;
  return `<text x="${margin + depth * 14}" y="${y + 15}" fill="#1a202c">${name}${client}${why}</text>${bar}`;
}

const round = (value: number): number => Math.round(value * 10) / 10;

/** Whether the file is missing or differs from what is drawn. */
export async function isStale(): Promise<boolean> {
  return (await readFile(file, 'utf8').catch(() => null)) !== tracePicture();
}

async function main(): Promise<void> {
  if (!process.argv.includes('--check')) return writeFile(file, tracePicture());
  if (!(await isStale())) return;
  console.error('docs/img/trace.svg is stale. Run "npm run docs:trace" and commit the result.');
  process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
