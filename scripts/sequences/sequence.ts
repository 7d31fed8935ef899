/** What a drawing of a round shows, row by row. */
import { type Moment, type RoundTrace, simulatedMs } from './round-trace.ts';

export type Row = { atMs: number } & (
  | { kind: 'phase'; text: string }
  /** An arrow from one lane to others. */
  | { kind: 'message'; from: string; to: string[]; text: string; isAnswer: boolean }
  | { kind: 'note'; lane: string; text: string; tone: 'good' | 'bad' }
);

export interface Sequence {
  id: string;
  title: string;
  lanes: string[];
  rows: Row[];
  /** Between which rows each client trains. */
  training: { lane: string; from: number; to: number }[];
  /** Rows between which nobody is there. */
  away: { lane: string; from: number; to: number }[];
}

const coordinator = 'coordinator';
const aggregator = 'aggregator';
const phasesShown: ReadonlySet<unknown> = new Set(['selecting', 'training', 'aggregating', 'committing']);

const causes: Readonly<Record<string, string>> = {
  heartbeatTimeout: 'is lost: its heartbeats have stopped',
  straggler: 'is a straggler: the window has closed',
};

/** @returns round 1 up to its commit, and what clients hear of it afterwards. */
export function sequenceOf(trace: RoundTrace, { id, title }: Pick<Sequence, 'id' | 'title'>): Sequence {
  const clients = [...new Set(trace.names.values())];
  const end = trace.moments.findIndex(({ what }) => what === 'round.committed');
  const shown = trace.moments.filter((moment, index) => index <= end || isAfterwards(moment));
  const rows = [...shown.flatMap((moment) => rowsOf(moment, trace)), ...excluded(trace)];
  // Stable: rows of the same moment stay in the order of the transcript.
  rows.sort((one, other) => one.atMs - other.atMs);
  return {
    id,
    title: `${title} Seed ${trace.seed}.`,
    lanes: [coordinator, aggregator, ...clients],
    rows,
    training: clients.flatMap((lane) => spans(rows, lane, 'model', ['update', 'crashes', 'dismissed'])),
    away: clients.flatMap((lane) => spans(rows, lane, 'crashes', ['registers'])),
  };
}

/** What clients hear of round 1 when it is over. */
const isAfterwards = ({ what, about }: Moment): boolean =>
  (what === 'has its receipt' || what === 'is not wanted any more') && about.round === 1;

function rowsOf({ atMs, who, what, about }: Moment, { names }: RoundTrace): Row[] {
  const message = (from: string, to: string | string[], text: string, isAnswer = false): Row => ({
    kind: 'message',
    atMs,
    from,
    to: [to].flat(),
    text,
    isAnswer,
  });
  const nameOf = (id: unknown) => names.get(String(id)) ?? String(id);
  switch (what) {
    case 'phase':
      return phasesShown.has(about.phase) ? [{ kind: 'phase', atMs, text: phaseText(about) }] : [];
    case 'clients.selected':
      return [message(coordinator, [about.clientIds].flat().map(nameOf), 'selected: the answer to a heartbeat', true)];
    case 'takes its ticket':
      return [message(who, coordinator, 'starts training'), message(coordinator, who, 'ticket and deadline', true)];
    case 'has the model':
      return [message(aggregator, who, 'model', true)];
    case 'uploads':
      return [message(who, aggregator, 'update')];
    case 'update.accepted':
      return [message(aggregator, coordinator, 'verified'), message(coordinator, aggregator, 'accepted', true)];
    case 'has its receipt':
      return [message(aggregator, who, 'receipt', true)];
    case 'crashes':
      return [{ kind: 'note', atMs, lane: who, text: 'crashes', tone: 'bad' }];
    case 'is not wanted any more':
      return [message(coordinator, who, 'dismissed: the answer to a heartbeat', true)];
    case 'round.committed':
      return [{ kind: 'note', atMs, lane: coordinator, text: committedText(about), tone: 'good' }];
    default:
      return what.startsWith('is registered') ? [message(who, coordinator, 'registers')] : [];
  }
}

const excluded = ({ exclusions }: RoundTrace): Row[] =>
  exclusions.map(({ who, reason, atMs }) => ({
    kind: 'note',
    atMs,
    lane: coordinator,
    tone: 'bad',
    text: `${who} ${causes[reason] ?? `is out: ${reason}`}`,
  }));

function phaseText({ phase, deadlineAtMs }: Moment['about']): string {
  return typeof deadlineAtMs === 'number' && (phase === 'training' || phase === 'selecting')
    ? `${phase}, until ${secondsText(simulatedMs(deadlineAtMs))} at the latest`
    : String(phase);
}

const committedText = ({ round, modelVersion, contributions }: Moment['about']): string =>
  `round ${round} committed: version ${modelVersion} from ${contributions} updates`;

/** From the row that begins it to the first after it that ends it, or to the last row. */
function spans(rows: readonly Row[], lane: string, begin: string, ends: readonly string[]) {
  const begins = (row: Row, text: string): boolean => {
    if (row.kind === 'phase' || !row.text.startsWith(text)) return false;
    return row.kind === 'note' ? row.lane === lane : row.from === lane || row.to.includes(lane);
  };
  const from = rows.findIndex((row) => begins(row, begin));
  if (from === -1) return [];
  const to = rows.findIndex((row, index) => index > from && ends.some((text) => begins(row, text)));
  return [{ lane, from, to: to === -1 ? rows.length : to }];
}

/** @returns seconds of simulated time. */
export const secondsText = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`;
