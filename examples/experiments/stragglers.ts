/** Synchronous rounds against FedBuff, in simulated time, with clients of which some are very slow. */
import type { Plan } from '../../src/domain/plan.ts';
import { seededRandom } from '../../src/domain/random.ts';
import { gaussian } from './attacks.ts';
import { federateDigits } from './digits-federation.ts';
import {
  type Experiment,
  type Outcome,
  type Spread,
  spreadOf,
  summarise,
  type Trial,
  trialsOf,
  variantOf,
} from './experiment.ts';
import { lineChart } from './line-chart.ts';
import { markdownTable, percent, percentRange } from './numbers.ts';
import { readPlanFile } from './plan-file.ts';

export const stragglersSize = { clients: 100, imagesPerClient: 300, minutes: 100, seeds: [1, 2, 3] };
type Size = typeof stragglersSize;

/** All have twenty clients at work at a time. */
const variants = {
  synchronous: {},
  'over-selection': { cohortSize: 15, overSelection: 4 / 3 },
  FedBuff: { mode: 'buffered', cohortSize: 5, overSelection: 4, updateKind: 'deltas', stalenessMax: 100 },
} as const satisfies Record<string, Partial<Plan>>;
type VariantName = keyof typeof variants;
const names = Object.keys(variants) as VariantName[];

/** The accuracy that each is timed to. */
const target = 0.9;
/** Of the times that clients need: half of them take less than a minute, one in twenty more than seven. */
const median = 60_000;
const deviation = 1.2;
/** The same client, from one time to the next. */
const jitter = 0.2;
/** Between two points of a line, simulated minutes. */
const stepMinutes = 0.5;

const minuteMs = 60_000;

/** Log-normal: every client has a speed of its own, and keeps to it by and large. */
export function trainingTimes(seed: number): (client: number, turn: number) => number {
  return (client, turn) => {
    const own = gaussian(seededRandom(seed ^ (client * 2_654_435_761)));
    const now = gaussian(seededRandom(seed ^ (client * 40_503) ^ (turn * 2_246_822_519)));
    return Math.round(median * Math.exp(deviation * own + jitter * now));
  };
}

export function stragglers(size: Size = stragglersSize): Experiment {
  return {
    name: 'stragglers',
    roundsOf: () => size.minutes,
    trials: () => trialsOf('stragglers', names, size.seeds),
    run: (trial, onRound) => run(trial, size, onRound),
    draw: (outcomes) => [
      {
        file: 'stragglers',
        svg: lineChart({
          title: 'Accuracy by simulated time, with clients of very different speed',
          about: `Twenty clients train at a time; median of ${size.seeds.length} seeds, bands from the lowest to the highest`,
          x: { label: 'simulated minutes', from: 0, to: size.minutes },
          y: { label: 'accuracy on digits that no client has', from: 0.4, to: 1, text: percent },
          rules: [{ y: target, label: percent(target) }],
          lines: names.map((variant) => ({ label: variant, points: summarise(outcomes, variant).line })),
        }),
      },
    ],
    table: (outcomes) => {
      const [synchronous] = names.map((name) => minutesToTarget(outcomes, name));
      return markdownTable(
        ['', 'plan', `minutes to ${percent(target)}`, 'of synchronous', `after ${size.minutes} minutes`],
        names.map((name) => {
          const minutes = minutesToTarget(outcomes, name);
          const settings = Object.entries<unknown>(variants[name]).map(
            ([key, value]) => `\`${key} = ${shown(value)}\``,
          );
          const ratio = (minutes?.median ?? Number.NaN) / (synchronous?.median ?? Number.NaN);
          return [
            name,
            settings.join(' '),
            minutesText(minutes),
            `${ratio.toFixed(2)} ×`,
            percentRange(summarise(outcomes, name).last),
          ];
        }),
      );
    },
  };
}

const shown = (value: unknown): string =>
  typeof value === 'number' ? String(Number(value.toFixed(2))) : String(value);
const minutesText = (minutes: Spread | null): string =>
  minutes
    ? `${minutes.median.toFixed(1)} (${minutes.lowest.toFixed(1)} to ${minutes.highest.toFixed(1)})`
    : 'not reached';

/** When the target was first reached, over the seeds; null: not by all. */
export function minutesToTarget(outcomes: readonly Outcome[], variant: string, wanted = target): Spread | null {
  const own = outcomes.filter((outcome) => outcome.variant === variant);
  const minutes = own.map(({ points }) => points.find(([, accuracy]) => accuracy >= wanted)?.[0]);
  return minutes.includes(undefined) ? null : spreadOf(minutes.map(Number));
}

async function run(trial: Trial, size: Size, onMinute: () => void): Promise<Outcome> {
  const { clients, imagesPerClient, minutes } = size;
  const plan = { ...(await readPlanFile('stragglers')), ...variantOf<Partial<Plan>>(variants, trial) };
  const points: [number, number][] = [];
  let accuracySoFar = 0;
  /** What was true up to a moment, at each step of it. */
  const passUntil = (untilMinutes: number): void => {
    while (points.length * stepMinutes <= Math.min(untilMinutes, minutes)) {
      points.push([points.length * stepMinutes, accuracySoFar]);
      if (Number.isInteger((points.length - 1) * stepMinutes)) onMinute();
    }
  };
  await federateDigits({
    ...{ plan, clients, imagesPerClient, seed: trial.seed, split: 'iid', trainingMs: trainingTimes(trial.seed) },
    onVersion({ atMs, accuracy }) {
      passUntil(atMs / minuteMs - Number.EPSILON);
      accuracySoFar = accuracy;
      return atMs < minutes * minuteMs;
    },
  });
  // Not of the version that was made after the time was over.
  return { variant: trial.variant, seed: trial.seed, points, last: points.at(-1)?.[1] ?? Number.NaN };
}
