import type { Fact, Position } from '../domain/facts.ts';
import type { OverSelected } from '../domain/round-record.ts';
import { clockTime, plural, shortId } from '../domain/words.ts';

const until = (atMs: number | null): string => (atMs === null ? '' : `, until ${clockTime(atMs)}`);

/** Ids named in full in one sentence. */
const idsNamedMax = 3;

function named(ids: readonly string[]): string {
  const first = ids.slice(0, idsNamedMax).map(shortId).join(', ');
  return ids.length > idsNamedMax ? `${first} and ${ids.length - idsNamedMax} more` : first;
}

/** Metrics told in one sentence. */
const metricsToldMax = 3;

function measured(metrics: Readonly<Record<string, number>>): string {
  const told = Object.entries(metrics).slice(0, metricsToldMax);
  return told.map(([name, value]) => `, ${name} ${Number(value.toPrecision(4))}`).join('');
}

const wanted = (overSelected: OverSelected | undefined): string =>
  overSelected ? `; ${plural(overSelected.selected, 'client')} wanted: ${overSelected.summary}` : '';

/** A fact as people say it. Texts that came from clients are in it as they came. */
export function sentenceOf(fact: Fact): string {
  switch (fact.type) {
    case 'server.started':
      return `A server began, version ${fact.version}, durability ${fact.durability}`;
    case 'client.registered':
      return `Client ${shortId(fact.clientId)} registered${fact.name === undefined ? '' : ` as ${fact.name}`}`;
    case 'client.returned':
      return `Client ${shortId(fact.clientId)} registered again`;
    case 'client.lost':
      return fact.reason === 'left'
        ? `Client ${shortId(fact.clientId)} left`
        : `Client ${shortId(fact.clientId)} was not heard of any more`;
    case 'client.evicted':
      return `Client ${shortId(fact.clientId)} was taken out of the round`;
    case 'client.readmitted':
      return `Client ${shortId(fact.clientId)} may be chosen for the round again`;
    case 'run.started':
      return `Run ${shortId(fact.run)} began: ${plural(fact.plan.rounds, 'round')}, from ${plural(fact.plan.minClients, 'client')}`;
    case 'model.installed':
      return `Model version ${fact.model.version} was installed: ${fact.model.bytes} bytes, SHA-256 ${fact.model.sha256.slice(0, 12)}…`;
    case 'position':
      return positionSentence(fact.position);
    case 'round.opened': {
      const base = fact.base === null ? 'without a model' : `from model version ${fact.base}`;
      return fact.kind === 'evaluation'
        ? `Evaluation of round ${fact.round}, attempt ${fact.attempt}, opened`
        : `Round ${fact.round}, attempt ${fact.attempt}, opened ${base}${wanted(fact.overSelected)}`;
    }
    case 'clients.selected':
      return `${plural(fact.clientIds.length, 'client')} selected: ${named(fact.clientIds)}`;
    case 'training.started':
      return `Client ${shortId(fact.clientId)} started training`;
    case 'update.accepted': {
      const { clientId, sha256, numExamples } = fact.receipt;
      const where = fact.staged ? `${fact.staged.bytes} bytes` : 'in memory only';
      return `Update of ${shortId(clientId)} accepted: ${plural(numExamples, 'example')}, ${where}, SHA-256 ${sha256.slice(0, 12)}…`;
    }
    case 'result.accepted': {
      const { clientId, numExamples } = fact.receipt;
      return `Result of ${shortId(clientId)} accepted: ${plural(numExamples, 'example')}${measured(fact.metrics)}`;
    }
    case 'training.failed':
      return `Client ${shortId(fact.clientId)} is out: its uploads were refused, ${fact.code}`;
    case 'quorum.lowered':
      return `The quorum of the round fell from ${fact.decision.from} to ${fact.decision.to}`;
    case 'clients.dismissed':
      return fact.reason === 'straggler'
        ? 'Who had not reported by the deadline is out'
        : 'Enough updates are in: who had not reported is out';
    case 'round.committed': {
      const { version, round, contributions, sha256 } = fact.model;
      const of = `${fact.members ? `${fact.members.length} of ` : ''}${plural(contributions, 'contribution')}`;
      return `Round ${round} committed: model version ${version} of ${of}, SHA-256 ${sha256.slice(0, 12)}…`;
    }
    case 'round.evaluated':
      return `Model version ${fact.version} was evaluated by clients`;
    case 'model.judged':
      return `Model version ${fact.version} was evaluated by the server${measured(fact.metrics)}`;
    case 'evaluation.missed':
      return `Model version ${fact.version} was not evaluated by the ${fact.by}: ${fact.reason}`;
    case 'round.abandoned':
      return `The round was abandoned, ${fact.reason}: ${fact.detail}`;
    case 'operation':
      return fact.entry.sentence;
    case 'checkpoint': {
      const { clients, models } = fact.state;
      return `All of the above in one: ${plural(clients.length, 'client')}, ${plural(models.length, 'model')}`;
    }
  }
}

function positionSentence({ state, deadlineAtMs, run, round }: Position): string {
  switch (state) {
    case 'round':
      return round ? `${phaseSentence(round)}${run?.pauseRequested ? '; then the run pauses' : ''}` : 'A round is open';
    case 'opening':
      return run?.evaluation
        ? `The evaluation of round ${run.evaluation.round} is being opened`
        : `Round ${run?.round ?? 1}, attempt ${run?.attempt ?? 1}, is being opened`;
    case 'judging':
      return `The server evaluates model version ${run?.evaluation?.version ?? '?'}${until(deadlineAtMs)}`;
    case 'gathering':
      return 'No round is open: too few clients are registered';
    case 'awaitingModel':
      return `The run waits for its initial model${until(deadlineAtMs)}`;
    case 'paused':
    case 'stopped':
      return `The run is ${state}: ${run?.reason ?? 'an operator asked for it'}`;
    case 'finished':
      return `The run is finished: ${run?.progress?.goal ? `${run.progress.goal}; ` : ''}${plural(run?.roundsCommitted ?? 0, 'round')} committed`;
    case 'idle':
      return 'There is no run';
  }
}

const phaseWords = {
  selecting: 'Selecting',
  training: 'Training',
  aggregating: 'Summing',
  committing: 'Storing the model',
} as const;

function phaseSentence({
  phase,
  target,
  extensions,
  extendedByMs = 0,
  deadlineAtMs,
}: NonNullable<Position['round']>): string {
  const cohort = phase === 'training' ? ` of ${plural(target, 'client')}` : '';
  const again = extensions > 0 ? `, extended ${plural(extensions, 'time')}` : '';
  const more = extendedByMs > 0 ? `, by an operator ${extendedByMs / 1_000} s longer` : '';
  return `${phaseWords[phase]}${cohort}${again}${more}${until(deadlineAtMs)}`;
}
