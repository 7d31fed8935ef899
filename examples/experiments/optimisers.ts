/** FedAvg, FedProx and FedAdam, on clients with two digits each. */
import { federateDigits } from './digits-federation.ts';
import { type Experiment, type Outcome, type PlanChange, summarise, trialsOf, variantOf } from './experiment.ts';
import { lineChart } from './line-chart.ts';
import { markdownTable, percent, percentRange } from './numbers.ts';
import { readPlanFile } from './plan-file.ts';

export const optimisersSize = { rounds: 80, clients: 100, imagesPerClient: 300, seeds: [1, 2, 3] };
type Size = typeof optimisersSize;

const variants = {
  FedAvg: { strategy: 'fedavg' },
  FedProx: { strategy: 'fedprox', strategyParameters: { mu: 0.1 } },
  FedAdam: { strategy: 'fedadam', strategyParameters: { serverLearningRate: 0.03 } },
} as const satisfies Record<string, PlanChange>;

/** Accuracies that the table says the rounds to. */
const marks = [0.8, 0.85, 0.9];

export function optimisers(size: Size = optimisersSize): Experiment {
  return {
    name: 'optimisers',
    roundsOf: () => size.rounds,
    trials: () => trialsOf('optimisers', Object.keys(variants), size.seeds),
    async run(trial, onRound): Promise<Outcome> {
      const { clients, imagesPerClient, rounds } = size;
      const plan = { ...(await readPlanFile('optimisers')), ...variantOf<PlanChange>(variants, trial), rounds };
      const points: [number, number][] = [];
      const last = await federateDigits({
        ...{ plan, clients, imagesPerClient, seed: trial.seed, split: 'two-digits' },
        onVersion({ round, accuracy }) {
          points.push([round, accuracy]);
          onRound();
          return true;
        },
      });
      return { variant: trial.variant, seed: trial.seed, points, last };
    },
    draw: (outcomes) => [
      {
        file: 'optimisers',
        svg: lineChart({
          title: 'Accuracy by round, two digits per client',
          about: `Median of ${size.seeds.length} seeds; bands from the lowest to the highest`,
          x: { label: 'round', from: 0, to: size.rounds },
          y: { label: 'accuracy on digits that no client has', from: 0.2, to: 1, text: percent },
          lines: Object.keys(variants).map((variant) => ({
            label: variant,
            points: summarise(outcomes, variant).line,
          })),
        }),
      },
    ],
    table: (outcomes) =>
      markdownTable(
        ['', 'plan', 'after the last round', ...marks.map((mark) => `rounds to ${percent(mark)}`)],
        Object.entries<PlanChange>(variants).map(([variant, { strategy, strategyParameters = {} }]) => {
          const { line, last } = summarise(outcomes, variant);
          const parameters = Object.entries(strategyParameters).map(([name, value]) => ` \`${name} = ${value}\``);
          const rounds = marks.map((mark) => line.find(({ median }) => median >= mark)?.x ?? '–');
          return [variant, `\`${strategy}\`${parameters.join('')}`, percentRange(last), ...rounds];
        }),
      ),
  };
}
