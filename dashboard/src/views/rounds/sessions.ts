/** What each client of a cohort went through, and the shapes of these sessions. Pure. */
import type { DetailedRound } from '../../../../src/dashboard/contract.ts';
import type { ErrorCode } from '../../../../src/domain/errors.ts';
import type { ClientMarks, ExclusionReason } from '../../../../src/domain/handle.ts';

/** A part of a bar: what the client did from one moment to another. `atWork`: which step is not recorded. */
export interface Span {
  step: 'selected' | 'downloading' | 'training' | 'uploading' | 'atWork';
  fromMs: number;
  toMs: number;
}

export interface Session {
  clientId: string;
  spans: Span[];
  /** null: not settled yet. */
  outcome: 'accepted' | ExclusionReason | null;
  /** Accepted, and then left out of the model by the strategy. */
  isUnused: boolean;
  /** The attempt is over, and it trains on into the next. */
  goesOn: boolean;
  /** Versions made while it trained. */
  staleness: number;
  code: ErrorCode | null;
  settledAtMs: number | null;
  numExamples: number | null;
  sha256: string | null;
  metrics: Record<string, number>;
  /** As in Bonawitz et al. 2019, appendix A; see `shapeMarks`. */
  shape: string;
}

/** What the marks of a shape mean. */
export const shapeMarks = [
  ['-', 'came to the server'],
  ['v', 'got the model'],
  ['[', 'began to train'],
  [']', 'ended training'],
  ['+', 'began to upload'],
  ['^', 'upload accepted'],
  ['#', 'upload refused or too late'],
  ['!', 'broken off'],
  ['·', 'at work, but what it did is not known'],
] as const;

/** @returns one session for each client of the cohort, in order of selection. @param nowMs where open spans end. */
export function sessionsOf(record: DetailedRound, nowMs: number): Session[] {
  const marks = new Map(record.marks?.map((one) => [one.clientId, one]));
  const contributions = new Map(record.contributions.map((one) => [one.clientId, one]));
  const exclusions = new Map(record.exclusions.map((one) => [one.clientId, one]));
  const members = record.members && new Set(record.members);
  const endMs = record.endedAtMs ?? nowMs;
  return record.cohort.map((clientId) => {
    const contribution = contributions.get(clientId);
    const exclusion = contribution ? undefined : exclusions.get(clientId);
    const settledAtMs = contribution?.acceptedAtMs ?? exclusion?.atMs ?? null;
    const outcome = contribution ? 'accepted' : (exclusion?.reason ?? null);
    const goesOn = outcome === null && record.endedAtMs !== null;
    const mark = marks.get(clientId);
    const fromMs = mark?.selectedAtMs ?? record.trainingAtMs ?? record.openedAtMs;
    return {
      clientId,
      outcome,
      isUnused: contribution !== undefined && members !== undefined && !members.has(clientId),
      goesOn,
      staleness: contribution?.staleness ?? 0,
      settledAtMs,
      // Who came from the attempt before, or goes on into the next, began to train before or does so now.
      spans: spansOf(contribution || goesOn ? begun(mark) : mark, fromMs, settledAtMs ?? endMs),
      code: exclusion?.code ?? null,
      numExamples: contribution?.numExamples ?? null,
      sha256: contribution?.sha256 ?? null,
      metrics: contribution?.metrics ?? {},
      shape: shapeOf(outcome, mark),
    };
  });
}

/** Of a client that trains, whether or not its beginning was marked in this attempt. */
const begun = (mark: ClientMarks | undefined): ClientMarks | undefined =>
  mark && { ...mark, startedAtMs: mark.startedAtMs ?? mark.selectedAtMs };

function spansOf(mark: ClientMarks | undefined, fromMs: number, toMs: number): Span[] {
  if (!mark) return [{ step: 'atWork', fromMs, toMs }];
  const begins: [Span['step'], number | null][] = [
    ['selected', mark.selectedAtMs],
    // What a client did after it had begun is known once its training has ended.
    [mark.downloadedAtMs === null ? 'atWork' : 'downloading', mark.startedAtMs],
    ['training', mark.downloadedAtMs],
    ['uploading', mark.uploadingAtMs],
  ];
  const known = begins.filter((begin): begin is [Span['step'], number] => begin[1] !== null);
  return known.map(([step, atMs], index) => ({ step, fromMs: atMs, toMs: known[index + 1]?.[1] ?? toMs }));
}

function shapeOf(outcome: Session['outcome'], mark: ClientMarks | undefined): string {
  if (outcome === 'accepted') return '-v[]+^';
  if (outcome === 'uploadsRefused') return '-v[]+#';
  if (!mark) return outcome === null ? '-··' : '-··!';
  // What a client that never reported did after it had begun is not known.
  const unknown = mark.startedAtMs === null ? '' : '·';
  const got = mark.downloadedAtMs === null ? unknown : 'v[';
  const sent = mark.uploadingAtMs === null ? '' : ']+';
  if (outcome === null) return `-${got}${sent}`;
  return `-${got}${sent}${sent === '' ? '!' : '#'}`;
}

/** @returns how often each shape occurs, the most frequent first. */
export function countShapes(sessions: readonly Session[]): { shape: string; sessions: number }[] {
  const counts = new Map<string, number>();
  for (const { shape } of sessions) counts.set(shape, (counts.get(shape) ?? 0) + 1);
  return [...counts].map(([shape, some]) => ({ shape, sessions: some })).sort((a, b) => b.sessions - a.sessions);
}

export interface Bucket {
  fromMs: number;
  toMs: number;
  clients: number;
}

const bucketsMax = 24;

/** @returns how long after training began each accepted update came, in buckets of a round length. */
export function reportingTimes({ trainingAtMs, contributions }: DetailedRound): Bucket[] {
  if (trainingAtMs === null || contributions.length === 0) return [];
  const times = contributions.map(({ acceptedAtMs }) => Math.max(0, acceptedAtMs - trainingAtMs));
  const longest = Math.max(...times, 1);
  const width = niceWidth(longest / bucketsMax);
  const buckets = Array.from({ length: Math.floor(longest / width) + 1 }, (_, index) => ({
    fromMs: index * width,
    toMs: (index + 1) * width,
    clients: 0,
  }));
  for (const time of times) {
    const bucket = buckets[Math.floor(time / width)];
    if (bucket) bucket.clients += 1;
  }
  return buckets;
}

/** The next of 1, 2, 5, 10, 20, … that is no smaller. */
function niceWidth(width: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, width)));
  const factor = [1, 2, 5, 10].find((one) => one * power >= width) ?? 10;
  return factor * power;
}
