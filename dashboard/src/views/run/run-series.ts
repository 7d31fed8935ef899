/** What the charts of a run draw, from its rounds. Pure. */
import type { RoundSummary } from '../../../../src/dashboard/contract.ts';
import type { Evaluator } from '../../../../src/domain/evaluation.ts';
import type { ExclusionReason } from '../../../../src/domain/handle.ts';
import type { ModelInfo, ModelView } from '../../../../src/domain/model.ts';
import type { Ink } from '../../parts/colours.ts';
import type { Series } from '../../parts/series.ts';
import { exclusionLabels } from '../../words/sentences.ts';

const rank = (name: string): number => (/loss/i.test(name) ? 0 : /acc/i.test(name) ? 1 : 2);

/** Names of the metrics that any of them has: loss first, then accuracy, then the others by name. */
export function metricNames(rounds: readonly { metrics: Readonly<Record<string, number>> }[]): string[] {
  const names = new Set(rounds.flatMap(({ metrics }) => Object.keys(metrics)));
  return [...names].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

const evaluators: readonly { by: Evaluator; label: string; ink: Ink }[] = [
  { by: 'server', label: 'evaluated by the server', ink: 'rose' },
  { by: 'clients', label: 'evaluated by clients', ink: 'amber' },
];

/** One metric by round: as contributors measured it in training, and as the models of these rounds were evaluated, if they were. */
export function metricSeries(
  rounds: readonly RoundSummary[],
  models: readonly ModelView[],
  name: string,
  ink: Ink,
): Series[] {
  const byVersion = new Map(models.map((model) => [model.version, model]));
  const found = evaluators.map(({ by, ...look }) => ({
    ...look,
    values: rounds.map(({ modelVersion }) => {
      const { evaluations } = byVersion.get(modelVersion ?? 0) ?? { evaluations: [] };
      return evaluations.find((one) => one.by === by)?.metrics[name] ?? null;
    }),
  }));
  const reported = { label: 'in training', ink, values: rounds.map(({ metrics }) => metrics[name] ?? null) };
  return [reported, ...found].filter(({ values }) => values.some((value) => value !== null));
}

const between = (from: number | null, to: number | null): number =>
  from === null || to === null ? 0 : Math.max(0, to - from) / 1_000;

/** The attempts at one round, in order. */
export type Attempts = readonly RoundSummary[];

/** @returns the attempts by round, so that each round has one place on the x axis. */
export function byRound(rounds: readonly RoundSummary[]): Attempts[] {
  const groups = new Map<number, RoundSummary[]>();
  for (const one of rounds) {
    const group = groups.get(one.round);
    if (group) group.push(one);
    else groups.set(one.round, [one]);
  }
  return [...groups.values()];
}

const total = (attempts: Attempts, value: (one: RoundSummary) => number): number =>
  attempts.reduce((sum, one) => sum + value(one), 0);

const series = (
  rounds: readonly Attempts[],
  label: string,
  ink: Ink,
  value: (one: RoundSummary) => number,
): Series => ({
  label,
  ink,
  values: rounds.map((attempts) => total(attempts, value)),
});

/** Seconds in each phase, all attempts together. */
export const phaseSeries = (rounds: readonly Attempts[]): Series[] => [
  series(rounds, 'selecting', 'slate', (one) => between(one.openedAtMs, one.trainingAtMs ?? one.endedAtMs)),
  series(rounds, 'training', 'accent', (one) => between(one.trainingAtMs, one.aggregatingAtMs ?? one.endedAtMs)),
  series(rounds, 'aggregating', 'violet', (one) => between(one.aggregatingAtMs, one.endedAtMs)),
];

const exclusionInks: Readonly<Record<ExclusionReason, Ink>> = {
  heartbeatTimeout: 'rose',
  straggler: 'amber',
  stale: 'sky',
  uploadsRefused: 'violet',
  reregistered: 'green',
  left: 'ink',
  evicted: 'accent',
  roundAbandoned: 'muted',
  notNeeded: 'slate',
};

/** Those that became a model, and those of abandoned attempts. */
export function contributionSeries(rounds: readonly Attempts[]): Series[] {
  const isLost = ({ phase }: RoundSummary) => phase === 'abandoned';
  const kept = series(rounds, 'contributions', 'accent', (one) => (isLost(one) ? 0 : one.contributions));
  const lost = series(rounds, 'of abandoned attempts', 'rose', (one) => (isLost(one) ? one.contributions : 0));
  return lost.values.some((value) => value !== 0) ? [kept, lost] : [kept];
}

/** One for each reason that occurs. */
export function exclusionSeries(rounds: readonly Attempts[]): Series[] {
  const reasons = Object.keys(exclusionInks) as ExclusionReason[];
  return reasons
    .map((reason) =>
      series(rounds, exclusionLabels[reason], exclusionInks[reason], ({ exclusions }) => exclusions[reason] ?? 0),
    )
    .filter(({ values }) => values.some((value) => value !== 0));
}

/** Bytes by round, as the server counted them; or else as one may expect: a model for each contribution, out and in. */
export function byteSeries(
  rounds: readonly Attempts[],
  models: readonly ModelInfo[],
): { series: Series[]; isEstimate: boolean } {
  const isCounted = rounds.some((attempts) => attempts.some(({ bytesIn }) => bytesIn !== null));
  const modelBytes = models.at(-1)?.bytes ?? 0;
  const estimate = ({ contributions }: RoundSummary) => contributions * modelBytes;
  // Who makes the first model has none to download.
  const estimateOut = (one: RoundSummary) => (one.round === 1 ? 0 : estimate(one));
  return {
    isEstimate: !isCounted,
    series: [
      series(rounds, 'updates in', 'accent', isCounted ? ({ bytesIn }) => bytesIn ?? 0 : estimate),
      series(rounds, 'models out', 'amber', isCounted ? ({ bytesOut }) => bytesOut ?? 0 : estimateOut),
    ],
  };
}
