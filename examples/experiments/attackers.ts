/** The mean against robust strategies, with hostile clients among twenty. */
import type { Split } from '../digits/split.ts';
import { type Attack, type AttackName, attackersAmong, attacks } from './attacks.ts';
import { federateDigits } from './digits-federation.ts';
import { type Experiment, type Outcome, type PlanChange, type Summary, summarise, type Trial } from './experiment.ts';
import { gridChart } from './grid-chart.ts';
import { lineChart } from './line-chart.ts';
import { markdownTable, percent, percentRange } from './numbers.ts';
import { readPlanFile } from './plan-file.ts';

export const attackersSize = { rounds: { iid: 12, 'two-digits': 24 }, imagesPerClient: 1_500, seeds: [1, 2, 3] };
type Size = typeof attackersSize;

const clients = 20;

/** Nobody tells a server how many clients are hostile: each plan is for as many as its strategy bears. */
const strategies = {
  mean: { strategy: 'fedavg' },
  'clipped mean': { strategy: 'fedavg', strategyParameters: { clipNorm: 1 } },
  median: { strategy: 'fedmedian' },
  'trimmed mean': { strategy: 'trimmed-mean', strategyParameters: { trimRatio: 0.4 } },
  Krum: { strategy: 'krum', strategyParameters: { byzantineMax: 8 } },
  'Multi-Krum': { strategy: 'multi-krum', strategyParameters: { byzantineMax: 8 } },
  Bulyan: { strategy: 'bulyan', strategyParameters: { byzantineMax: 4 } },
  'geometric median': { strategy: 'rfa', strategyParameters: { iterations: 8 } },
} as const satisfies Record<string, PlanChange>;
type StrategyLabel = keyof typeof strategies;
const labels = Object.keys(strategies) as StrategyLabel[];

/** Under what a strategy is looked at. */
interface Condition {
  attack: AttackName;
  /** Of all clients. */
  share: number;
  split: Split;
  /** Over all seeds, or the first one only. */
  isRepeated: boolean;
}

const iid = (attack: AttackName, share: number, isRepeated = false): Condition => ({
  ...{ attack, share, isRepeated, split: 'iid' },
});
const conditions: readonly Condition[] = [
  iid('none', 0, true),
  iid('sign-flip', 0.2),
  iid('sign-flip', 0.3, true),
  iid('sign-flip', 0.4),
  iid('noise', 0.2),
  iid('noise', 0.4),
  iid('label-flip', 0.2),
  iid('label-flip', 0.4),
  { attack: 'none', share: 0, split: 'two-digits', isRepeated: false },
  { attack: 'sign-flip', share: 0.3, split: 'two-digits', isRepeated: false },
];

const nameOf = (label: StrategyLabel, { attack, share, split }: Condition): string =>
  [label, attack, percent(share), split].join(', ');

const variants = new Map(
  labels.flatMap((label) => conditions.map((condition) => [nameOf(label, condition), { label, condition }] as const)),
);

export function attackers(size: Size = attackersSize): Experiment {
  return {
    name: 'attackers',
    roundsOf: ({ variant }) => size.rounds[variants.get(variant)?.condition.split ?? 'iid'],
    trials: () =>
      [...variants].flatMap(([variant, { condition }]) =>
        (condition.isRepeated ? size.seeds : size.seeds.slice(0, 1)).map((seed) => {
          return { experiment: 'attackers', variant, seed };
        }),
      ),
    run: (trial, onRound) => run(trial, size, onRound),
    draw: (outcomes) => [
      { file: 'attackers-by-round', svg: drawRounds(outcomes, size) },
      { file: 'attackers', svg: drawGrid(outcomes) },
    ],
    table: (outcomes) =>
      markdownTable(
        ['', 'plan', 'no attack', '30 % sign-flip', 'cost, points'],
        labels.map((label) => {
          const { strategy, strategyParameters = {} }: PlanChange = strategies[label];
          const parameters = Object.entries(strategyParameters).map(([name, value]) => ` \`${name} = ${value}\``);
          const calm = summaryOf(outcomes, label, iid('none', 0)).last;
          const attacked = summaryOf(outcomes, label, iid('sign-flip', 0.3)).last;
          const cost = ((calm.median - attacked.median) * 100).toFixed(1);
          return [label, `\`${strategy}\`${parameters.join('')}`, percentRange(calm), percentRange(attacked), cost];
        }),
      ),
  };
}

async function run({ variant, seed }: Trial, size: Size, onRound: () => void): Promise<Outcome> {
  const found = variants.get(variant);
  if (!found) throw new RangeError(`There is no variant ${variant}`);
  const { attack, share, split } = found.condition;
  const plan = {
    ...(await readPlanFile('attackers')),
    ...strategies[found.label],
    rounds: size.rounds[split],
  };
  const hostile = attackersAmong(clients, share, seed);
  const { images = (own) => own, upload = (honest) => honest }: Attack = attacks[attack];
  const points: [number, number][] = [];
  const last = await federateDigits({
    ...{ plan, seed, clients, split, imagesPerClient: size.imagesPerClient },
    images: (client, own) => (hostile.has(client) ? images(own) : own),
    upload: (client, honest, global, random) => (hostile.has(client) ? upload(honest, global, random) : honest),
    onVersion({ round, accuracy }) {
      points.push([round, accuracy]);
      onRound();
      return true;
    },
  });
  return { variant, seed, points, last };
}

const summaryOf = (outcomes: readonly Outcome[], label: StrategyLabel, condition: Condition): Summary =>
  summarise(outcomes, nameOf(label, condition));

const drawRounds = (outcomes: readonly Outcome[], size: Size): string =>
  lineChart({
    title: 'Six of twenty clients turn the sign of their updates',
    about: `Each client has digits of all kinds; median of ${size.seeds.length} seeds, bands from the lowest to the highest`,
    x: { label: 'round', from: 0, to: size.rounds.iid },
    y: { label: 'accuracy on digits that no client has', from: 0, to: 1, text: percent },
    lines: labels.map((label) => ({
      label,
      points: summaryOf(outcomes, label, iid('sign-flip', 0.3)).line,
    })),
  });

const drawGrid = (outcomes: readonly Outcome[]): string =>
  gridChart({
    title: 'Accuracy under attack, %',
    about: 'After the last round; the darker the cell, the more was lost against no attack with the same clients',
    columns: conditions.map(({ attack, share, split }) => ({
      group: split === 'iid' ? 'digits of all kinds' : 'two digits each',
      lines: attack === 'none' ? ['no attack'] : [percent(share), attack],
    })),
    rows: labels.map((label) => ({
      label,
      cells: conditions.map((condition) => {
        const calm = summaryOf(outcomes, label, { ...condition, attack: 'none', share: 0 }).last.median;
        const { median } = summaryOf(outcomes, label, condition).last;
        return { text: (median * 100).toFixed(1), loss: calm - median };
      }),
    })),
  });
