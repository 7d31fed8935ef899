import { evaluatorsOf } from '../../domain/evaluation.ts';
import { cohortWanted, isBuffered, type Plan, quorumOf } from '../../domain/plan.ts';
import { attemptMsMax } from '../../domain/round.ts';
import { duration, plural, printable } from './format.ts';
import type { Style } from './style.ts';

const labelWidth = 12;
/** Populations for which a share is worked out. */
const populations = [10, 100, 1_000];

/** What a run with this plan would do, a line each. */
export function planLines(plan: Plan, style: Style): string[] {
  const line = (label: string, text: string) => `${style.faint(label.padEnd(labelWidth))} ${text}`;
  const lines = [
    line('Rounds', roundsText(plan)),
    line('Clients', clientsText(plan)),
    line('Selection', selectionText(plan)),
    line('Quorum', `${plural(quorumOf(plan), 'contribution')} commit a round; ${missedText(plan)}`),
    line('Windows', windowsText(plan)),
    line('Longest', longestText(plan)),
    line('Model', modelText(plan)),
    line('Strategy', strategyText(plan)),
    line('Evaluation', evaluationText(plan)),
  ];
  if (plan.stopMetric !== null) lines.push(line('Goal', goalText(plan)));
  lines.push(line('Hyperparams', recordText(plan.hyperparameters) || 'none'));
  for (const { fromRound, values } of [...plan.hyperparametersByRound].sort((a, b) => a.fromRound - b.fromRound)) {
    lines.push(line('', `from round ${fromRound}: ${recordText(values) || 'nothing new'}`));
  }
  return lines;
}

function roundsText({ rounds, stopTarget, stopPatience }: Plan): string {
  const mayStop = stopTarget !== null || stopPatience !== null;
  return `${plural(rounds, 'round')}${mayStop ? ', fewer when the goal is reached' : ''}`;
}

function clientsText(plan: Plan): string {
  const { minClients, cohortSize, participantsRatio } = plan;
  const opens = `a round opens with ${plural(minClients, 'registered client')}`;
  if (cohortSize !== null) {
    const kind = isBuffered(plan) ? `${cohortSize} contributions make a version` : `it closes at ${cohortSize}`;
    return `${opens} and selects ${cohortWanted(plan, minClients)}; ${kind}`;
  }
  const shares = populations
    .filter((population) => population > minClients)
    .map((population) => `${cohortWanted(plan, population)} of ${population}`);
  const share =
    participantsRatio === 1 ? 'all' : [`${cohortWanted(plan, minClients)} of ${minClients}`, ...shares].join(', ');
  return `${opens} and selects ${share}`;
}

function selectionText(plan: Plan): string {
  const { selection, selectionAttribute, selectionFilter, overSelectionAdaptive, overSelectionMax } = plan;
  const by = selectionAttribute === null ? '' : ` by ${printable(selectionAttribute)}`;
  const among = selectionFilter === null ? '' : `, among clients with ${printable(selectionFilter)}`;
  const most = overSelectionAdaptive ? `, as many as past rounds say, up to ${overSelectionMax} × the cohort` : '';
  return `${selection}${by}${among}${most}`;
}

function missedText({ onQuorumMissed, extensionsMax, attemptsMax }: Plan): string {
  if (onQuorumMissed === 'abandon') return 'without it the run pauses';
  const extended =
    onQuorumMissed === 'extend' ? `the window is extended up to ${plural(extensionsMax, 'time')}, then ` : '';
  return `without it ${extended}the round is tried again, ${plural(attemptsMax, 'attempt')} in all; then the run pauses`;
}

const windowsText = ({ selectionWindowMs, trainingWindowMs, aggregationWindowMs }: Plan): string =>
  `selection ${duration(selectionWindowMs)}, training ${duration(trainingWindowMs)}, aggregation ${duration(aggregationWindowMs)}`;

function longestText(plan: Plan): string {
  const attemptMs = attemptMsMax(plan);
  const attempts = plan.onQuorumMissed === 'abandon' ? 1 : plan.attemptsMax;
  const all = attempts > 1 ? `, a round with all its attempts ${duration(attempts * attemptMs)}` : '';
  return `an attempt at a round ${duration(attemptMs)}${all}`;
}

function modelText({ initialModel, updateKind }: Plan): string {
  const from = {
    none: 'from the first updates',
    upload: 'from a model that is uploaded',
    latest: 'from the last committed model',
  };
  return `${from[initialModel]}; clients send ${updateKind === 'weights' ? 'whole weights' : 'differences'}`;
}

/** `multi-krum, byzantineMax = 3`, and how versions follow each other where that is not round by round. */
export function strategyText(plan: Plan): string {
  const parameters = recordText(plan.strategyParameters);
  const mode = isBuffered(plan) ? '; buffered' : '';
  return `${plan.strategy}${parameters === '' ? '' : `, ${parameters}`}${mode}`;
}

function evaluationText(plan: Plan): string {
  const { evaluateEvery, evaluationCohortSize, evaluationRatio, evaluationQuorum, evaluationWindowMs } = plan;
  if (evaluateEvery === null) return 'none';
  const every = evaluateEvery === 1 ? 'after every round' : `after every ${evaluateEvery} rounds and the last`;
  const asked =
    evaluationCohortSize ?? (evaluationRatio === 1 ? 'all' : `${Number((evaluationRatio * 100).toPrecision(6))} %`);
  const who = {
    server: 'the server’s own evaluator (it must be started with --evaluator-module)',
    clients: `${asked} of the clients that can, quorum ${evaluationQuorum ?? 'half of those asked'}`,
  };
  const by = evaluatorsOf(plan).map((evaluator) => who[evaluator]);
  return `${every}, at most ${duration(evaluationWindowMs)} each: ${by.join('; then ')}`;
}

function goalText({ stopMetric, stopDirection, stopTarget, stopPatience, stopMinDelta, ...plan }: Plan): string {
  const source = plan.evaluateEvery === null ? 'what clients report with their updates' : 'the evaluations';
  const better = `the best version is that with ${stopDirection === 'max' ? 'most' : 'least'} ${printable(stopMetric ?? '')}, by ${source}`;
  const target = stopTarget === null ? [] : [`at ${stopDirection === 'max' ? '≥' : '≤'} ${stopTarget}`];
  const by = stopMinDelta > 0 ? ` by more than ${stopMinDelta}` : '';
  const patience =
    stopPatience === null ? [] : [`after ${plural(stopPatience, 'value')} in a row that improve nothing${by}`];
  const ends = [...target, ...patience].join(', or ');
  return ends === '' ? better : `the run ends ${ends}; ${better}`;
}

const recordText = (record: Readonly<Record<string, unknown>>): string =>
  Object.entries(record)
    .map(([name, value]) => printable(`${name} = ${JSON.stringify(value)}`))
    .join(', ');
