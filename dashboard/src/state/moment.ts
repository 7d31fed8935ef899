/** The moment that is looked at: now, or one of the past that the event log was asked about. */
import { computed, signal } from '@preact/signals';
import { summaryOf } from '../../../src/dashboard/summary.ts';
import { strategyInRound } from '../../../src/domain/plan.ts';
import type { HistoryEntry, PastMoment } from '../api/history.ts';
import * as live from './live.ts';

export interface Moment extends PastMoment {
  entry: HistoryEntry;
  /** The last ones up to it, in their order. */
  entries: readonly HistoryEntry[];
}

/** null: now. */
export const moment = signal<Moment | null>(null);

export const shownStatus = computed(() => moment.value?.status ?? live.status.value);

/** Attempts at rounds as of the moment, oldest first. */
export const shownRounds = computed(() => {
  const past = moment.value;
  if (!past) return live.rounds.value;
  return past.rounds.map(summaryOf).sort((a, b) => a.openedAtMs - b.openedAtMs || a.attempt - b.attempt);
});

/** Those of the run that is shown. */
export const roundsOfRun = computed(() => {
  const run = shownStatus.value?.run;
  return shownRounds.value.filter((one) => one.run === run);
});

/** What the run that is shown is to do; null: it is not the present one, whose plan alone is known. */
export const planOfRun = computed(() => {
  const { run } = live;
  return run.value?.run === shownStatus.value?.run ? (run.value?.plan ?? null) : null;
});

/** Rounds of the run that made a model; those of the past, and of runs that the server knows no more, are counted. */
export const roundsCommitted = computed(() => {
  const now = live.run.value;
  if (moment.value === null && now !== null && now.run === live.status.value?.run) return now.roundsCommitted;
  return roundsOfRun.value.filter(({ phase }) => phase === 'committed').length;
});

/** How its updates become a model: by its plan, or as its rounds have recorded it; null: not known. */
export const strategyOfRun = computed(() => {
  const plan = planOfRun.value;
  if (plan) return strategyInRound(plan);
  return roundsOfRun.value.findLast(({ strategy }) => strategy !== null)?.strategy ?? null;
});

/** Models committed by then, oldest first. */
export const shownModels = computed(() => {
  const atMs = moment.value?.entry.atMs ?? Number.POSITIVE_INFINITY;
  return live.models.value?.filter(({ createdAtMs }) => createdAtMs <= atMs) ?? null;
});

/** The time of the moment, for countdowns: a past one stands still. */
export const shownNow = (): number => moment.value?.entry.atMs ?? live.serverNow();
