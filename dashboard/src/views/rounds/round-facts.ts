/** What is said of an attempt at a round before its clients are listed. Pure. */
import type { DetailedRound } from '../../../../src/dashboard/contract.ts';
import type { ModelView } from '../../../../src/domain/model.ts';
import { bytes, count, duration, plural } from '../../words/numbers.ts';
import { evaluationText, metricsText, strategyText } from '../../words/plans.ts';

type Fact = readonly [name: string, text: string];

/**
 * @param model the version that it committed or evaluated, if there is one.
 * @returns names and texts, in the order in which they are read.
 */
export function factsOf(record: DetailedRound, model: ModelView | null): Fact[] {
  const { cohort, target, overSelected, exclusions, strategy, bytesIn, bytesOut } = record;
  const isTraining = record.kind === 'training';
  return [
    ['Cohort', `${plural(cohort.length, 'client')} selected, ${count(target)} wanted`],
    ...(overSelected ? [['Wanted because', overSelected.summary] as const] : []),
    [isTraining ? 'Contributions' : 'Results', contributionsText(record)],
    ['Excluded', plural(exclusions.length, 'client')],
    ...(strategy ? [['Strategy', strategyText(strategy)] as const] : []),
    ...(record.members ? [['Made of', membersText(record)] as const] : []),
    ...agesOf(record),
    ['Time', timesText(record)],
    ['Model', modelText(record, model)],
    ...(isTraining && model && model.evaluations.length > 0
      ? [['Evaluation', model.evaluations.map(evaluationText).join('; ')] as const]
      : []),
    ['Metrics', metricsText(record.metrics, Number.POSITIVE_INFINITY) || 'none reported'],
    ...(bytesIn === undefined ? [] : [['Bytes', `${bytes(bytesIn)} in, ${bytes(bytesOut ?? 0)} out`] as const]),
  ];
}

function contributionsText({ contributions, quorum, numExamples, quorumLowered }: DetailedRound): string {
  const [first] = quorumLowered ?? [];
  const lowered = first ? ` (an operator lowered it from ${count(first.from)})` : '';
  return `${count(contributions.length)}, quorum ${count(quorum)}${lowered}, ${plural(numExamples, 'example')}`;
}

const membersText = ({ members = [], contributions }: DetailedRound): string =>
  `${count(members.length)} of ${plural(contributions.length, 'update')}; the strategy left ${count(contributions.length - members.length)} out`;

/** Of a buffered run: how many versions were made while its clients trained. */
function agesOf({ contributions }: DetailedRound): Fact[] {
  const ages = contributions.map(({ staleness = 0 }) => staleness);
  const oldest = ages.reduce((most, age) => Math.max(most, age), 0);
  if (oldest === 0) return [];
  const mean = ages.reduce((sum, age) => sum + age, 0) / ages.length;
  const fresh = ages.filter((age) => age === 0).length;
  return [
    [
      'Age of updates',
      `${mean.toFixed(1)} versions on average, ${count(oldest)} at most; ${count(fresh)} of the newest`,
    ],
  ];
}

function timesText({ openedAtMs, trainingAtMs, aggregatingAtMs, endedAtMs, kind }: DetailedRound): string {
  const phases: [string, number | null, number | null][] = [
    ['selecting', openedAtMs, trainingAtMs ?? endedAtMs],
    [kind === 'training' ? 'training' : 'evaluating', trainingAtMs, aggregatingAtMs ?? endedAtMs],
    ['aggregating', aggregatingAtMs, endedAtMs],
  ];
  const took = phases.flatMap(([name, from, to]) => (from && to ? [`${name} ${duration(to - from)}`] : []));
  return took.join(', ') || '–';
}

function modelText({ kind, modelVersion, endedAtMs }: DetailedRound, model: ModelView | null): string {
  if (modelVersion === null) return endedAtMs === null ? 'not yet' : 'none from this attempt';
  const best = model?.best ? ', the best so far' : '';
  return kind === 'training'
    ? `version ${count(modelVersion)}${best}`
    : `version ${count(modelVersion)} was evaluated${best}`;
}
