import Table from 'cli-table3';
import type { ClientView } from '../../domain/client.ts';
import type { RoundRecord } from '../../domain/handle.ts';
import type { ModelView } from '../../domain/model.ts';
import { byteSize, duration, metricsLine, plural, printable, tallyLine, timestamp } from './format.ts';
import type { Style } from './style.ts';

/** Characters of a digest that are shown: enough to tell models apart. */
const digestShown = 12;
/** Characters of a run's id: the same. */
const runShown = 8;

/** Lines between columns and rows would only stand in the way of reading and of `grep`. */
const noLines = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** A table for people. @param rightAligned columns of numbers. */
export function table(
  head: readonly string[],
  rows: readonly string[][],
  rightAligned: readonly string[],
  style: Style,
): string {
  const drawn = new Table({
    head: head.map(style.faint),
    chars: noLines,
    colAligns: head.map((name) => (rightAligned.includes(name) ? 'right' : 'left')),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  drawn.push(...rows);
  return drawn
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** Attempts at rounds, as they are given: a line each. Their runs are told apart when there are several. */
export function roundsTable(rounds: readonly RoundRecord[], nowMs: number, style: Style): string {
  if (rounds.length === 0) return 'No round was opened yet.';
  const areOfOneRun = new Set(rounds.map(({ run }) => run)).size === 1;
  const head = ['Round', 'Attempt', 'Outcome', 'Updates', 'Excluded', 'Took', 'Model', 'Metrics'];
  const rows = rounds.map((record) => [
    ...(areOfOneRun ? [] : [printable(record.run).slice(0, runShown)]),
    String(record.round),
    record.kind === 'evaluation' ? 'evaluation' : String(record.attempt),
    outcome(record, style),
    updatesText(record),
    tallyLine(record.exclusions.map(({ reason, code }) => printable(code ?? reason))) || '–',
    duration((record.endedAtMs ?? nowMs) - record.openedAtMs),
    record.modelVersion === null ? '–' : String(record.modelVersion),
    record.reason === null ? metricsLine(record.metrics) : printable(record.reason),
  ]);
  return table(areOfOneRun ? head : ['Run', ...head], rows, ['Round', 'Attempt', 'Updates', 'Took', 'Model'], style);
}

/** Clients, as they are given: a line each, with the whole id, which other commands ask for. */
export function clientsTable(clients: readonly ClientView[], nowMs: number, style: Style): string {
  if (clients.length === 0) return 'No such client is registered.';
  const rows = clients.map(({ clientId, state, lastSeenAtMs, name = '–' }) => [
    printable(clientId),
    state,
    `${duration(nowMs - lastSeenAtMs)} ago`,
    printable(name),
  ]);
  return table(['Client', 'State', 'Last heard of', 'Name'], rows, ['Last heard of'], style);
}

/** `12/15`, with how many of them the strategy used, and how old they were, where that is to be told. */
function updatesText({ contributions, target, members }: RoundRecord): string {
  const used = members ? `, ${members.length} used` : '';
  const oldest = contributions.reduce((most, { staleness = 0 }) => Math.max(most, staleness), 0);
  return `${contributions.length}/${target}${used}${oldest > 0 ? `, to ${plural(oldest, 'version')} old` : ''}`;
}

function outcome({ phase }: RoundRecord, style: Style): string {
  if (phase === 'committed' || phase === 'evaluated') return style.good(phase);
  return phase === 'abandoned' ? style.bad(phase) : style.warning(printable(phase));
}

/** `clients: accuracy 0.9; server: accuracy 0.91`, or why there is nothing. */
const evaluationText = ({ evaluations }: ModelView): string =>
  evaluations
    .map(
      ({ by, metrics, failure }) =>
        `${by}: ${failure === null ? metricsLine(metrics) || 'no metrics' : printable(failure)}`,
    )
    .join('; ');

/** Committed and installed models, as they are given: a line each. */
export function modelsTable(models: readonly ModelView[], style: Style): string {
  if (models.length === 0) return 'No model was committed yet.';
  const head = ['Version', 'Round', 'Updates', 'Examples', 'Size', 'Committed', 'SHA-256', 'Training', 'Evaluation'];
  const rows = models.map((model) => [
    model.best ? style.good(`${model.version} best`) : String(model.version),
    model.round === 0 ? 'initial' : String(model.round),
    String(model.contributions),
    String(model.numExamples),
    byteSize(model.bytes),
    timestamp(model.createdAtMs),
    printable(model.sha256).slice(0, digestShown),
    metricsLine(model.metrics) || '–',
    evaluationText(model) || '–',
  ]);
  return table(head, rows, ['Version', 'Round', 'Updates', 'Examples', 'Size'], style);
}
