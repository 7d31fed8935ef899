/** Chemistry marks of 31,022 pupils: each school a client, against schools alone and all pupils in one place. */
import type { Tensors } from '../../src/domain/model.ts';
import { seededRandom } from '../../src/domain/random.ts';
import {
  type Experiment,
  type Outcome,
  type PlanChange,
  summarise,
  type Trial,
  trialsOf,
  variantOf,
} from './experiment.ts';
import { federate } from './federation.ts';
import { lineChart } from './line-chart.ts';
import { markdownTable } from './numbers.ts';
import { readPlanFile } from './plan-file.ts';
import { type RegressionOptions, squaredError, trainRegression, zeroModel } from './regression.ts';
import { loadSchools, type Pupils, type School } from './school-data.ts';

export const schoolsSize = { rounds: 60, cohortSize: 100, seeds: [1, 2, 3], load: loadSchools };
type Size = typeof schoolsSize;

const federated = {
  FedAvg: { strategy: 'fedavg' },
  FedProx: { strategy: 'fedprox', strategyParameters: { mu: 1 } },
  FedAdam: { strategy: 'fedadam', strategyParameters: { serverLearningRate: 0.3 } },
} as const satisfies Record<string, PlanChange>;

/** @returns the root of the mean squared error over all held-out pupils. @param modelOf the model that a school uses. */
function errorOf(schools: readonly School[], modelOf: (school: School, index: number) => Tensors): number {
  const pupils = schools.reduce((sum, { heldOut }) => sum + heldOut.scores.length, 0);
  const squares = schools.reduce((sum, school, index) => sum + squaredError(modelOf(school, index), school.heldOut), 0);
  return Math.sqrt(squares / Math.max(1, pupils));
}

/** What is compared with: there is no federation in these. Each goes over its pupils a fixed number of times. */
const references: Record<string, (schools: readonly School[], seed: number) => number> = {
  'each school alone': (schools, seed) => {
    const options = { learningRate: 0.03, epochs: 100, mu: 0 };
    return errorOf(schools, ({ training }, index) =>
      trained(training, { ...options, random: seededRandom(seed + index) }),
    );
  },
  'all in one place': (schools, seed) => {
    const options = { learningRate: 0.02, epochs: 20, mu: 0, random: seededRandom(seed) };
    const model = trained(together(schools), options);
    return errorOf(schools, () => model);
  },
  'one mean for all': (schools) => {
    const scores = together(schools).scores;
    const model = zeroModel();
    model.weight?.data.set([scores.reduce((sum, score) => sum + score, 0) / scores.length]);
    return errorOf(schools, () => model);
  },
};

function trained(pupils: Pupils, options: RegressionOptions): Tensors {
  const model = zeroModel();
  trainRegression(model, pupils, options);
  return model;
}

const together = (schools: readonly School[]): Pupils => ({
  features: Float64Array.from(schools.flatMap(({ training }) => [...training.features])),
  scores: Float64Array.from(schools.flatMap(({ training }) => [...training.scores])),
});

export function schools(size: Size = schoolsSize): Experiment {
  const variants = [...Object.keys(federated), ...Object.keys(references)];
  return {
    name: 'schools',
    roundsOf: () => size.rounds,
    trials: () => trialsOf('schools', variants, size.seeds),
    run: (trial, onRound) => run(trial, size, onRound),
    draw: (outcomes) => [
      {
        file: 'schools',
        svg: lineChart({
          title: 'Chemistry marks of 31,022 pupils, foretold by what 2,410 schools learnt together',
          about: `Median of ${size.seeds.length} seeds; bands from the lowest to the highest; broken lines: not federated`,
          x: { label: 'round', from: 0, to: size.rounds },
          y: {
            label: 'root of the mean squared error on held-out pupils, marks (0 to 10)',
            from: 2,
            to: 5,
            text: (value) => value.toFixed(1),
          },
          lines: variants.map((label) => ({
            label,
            points: summarise(outcomes, label).line,
            isDashed: label in references,
          })),
        }),
      },
    ],
    table: (outcomes) =>
      markdownTable(
        ['', 'plan', 'error of the last model', 'rounds to 1 % above all in one place'],
        variants.map((variant) => {
          const { strategy, strategyParameters = {} } = (federated as Record<string, PlanChange>)[variant] ?? {};
          const parameters = Object.entries(strategyParameters).map(([name, value]) => ` \`${name} = ${value}\``);
          const { line, last } = summarise(outcomes, variant);
          const near = summarise(outcomes, 'all in one place').last.median * 1.01;
          const rounds = strategy ? (line.find(({ median }) => median <= near)?.x ?? 'not reached') : '';
          const plan = strategy ? `\`${strategy}\`${parameters.join('')}` : 'not federated';
          return [
            variant,
            plan,
            `${last.median.toFixed(3)} (${last.lowest.toFixed(3)} to ${last.highest.toFixed(3)})`,
            rounds,
          ];
        }),
      ),
  };
}

async function run(trial: Trial, size: Size, onRound: () => void): Promise<Outcome> {
  const { variant, seed } = trial;
  const all = await size.load(seed);
  const reference = references[variant];
  if (reference) {
    const error = reference(all, seed);
    for (let round = 1; round <= size.rounds; round += 1) onRound();
    return {
      variant,
      seed,
      points: [
        [1, error],
        [size.rounds, error],
      ],
      last: error,
    };
  }
  const { rounds, cohortSize } = size;
  const own = { ...variantOf<PlanChange>(federated, trial), rounds, cohortSize, minClients: cohortSize };
  const plan = { ...(await readPlanFile('schools')), ...own };
  const points: [number, number][] = [];
  await federate({
    ...{ plan, seed, clients: all.length, initial: zeroModel() },
    train({ client, turn, model, hyperparameters: { learningRate, epochs, mu = 0 } }) {
      const { training } = all[client] ?? never(client);
      const random = seededRandom(seed ^ (client << 16) ^ (turn * 2_654_435_761));
      trainRegression(model, training, {
        learningRate: Number(learningRate),
        epochs: Number(epochs),
        mu: Number(mu),
        random,
      });
      return { tensors: model, numExamples: training.scores.length };
    },
    onVersion({ round, model }) {
      points.push([round, errorOf(all, () => model)]);
      onRound();
      return true;
    },
  });
  return { variant, seed, points, last: points.at(-1)?.[1] ?? Number.NaN };
}

function never(client: number): never {
  throw new RangeError(`There is no school ${client}`);
}
