/** What codes and events mean, in sentences. Pure. */
import type { ClientState } from '../../../src/domain/client.ts';
import { errorCatalogue } from '../../../src/domain/errors.ts';
import type { ChorusEvent, ExclusionReason, Phase, RunState, Status } from '../../../src/domain/handle.ts';
import { metric, plural, shortId } from './numbers.ts';

export const exclusionWords: Readonly<Record<ExclusionReason, string>> = {
  heartbeatTimeout: 'Lost: no heartbeat came in time',
  left: 'Left of its own accord',
  reregistered: 'Restarted in mid-round',
  evicted: 'Evicted by an operator',
  uploadsRefused: 'Its uploads were refused',
  straggler: 'Too late: the training window had closed',
  notNeeded: 'Not needed: the round was full',
  stale: 'Too old: it trained from a model of too many versions ago',
  roundAbandoned: 'The round was abandoned',
};

/** The verdict on one client in a word or two, for small screens. */
export const verdictLabels: Readonly<Record<ExclusionReason, string>> = {
  heartbeatTimeout: 'Lost',
  left: 'Left',
  reregistered: 'Restarted',
  evicted: 'Evicted',
  uploadsRefused: 'Refused',
  straggler: 'Too late',
  notNeeded: 'Not needed',
  stale: 'Too old',
  roundAbandoned: 'Abandoned',
};

/** In a word or two, for legends and columns. */
export const exclusionLabels: Readonly<Record<ExclusionReason, string>> = {
  heartbeatTimeout: 'lost',
  left: 'left',
  reregistered: 'restarted',
  evicted: 'evicted',
  uploadsRefused: 'refused',
  straggler: 'stragglers',
  notNeeded: 'not needed',
  stale: 'too old',
  roundAbandoned: 'cut short',
};

export const phaseWords: Readonly<Record<Phase, string>> = {
  idle: 'No run',
  awaitingModel: 'Waiting for a model',
  running: 'Running',
  pausing: 'Pausing',
  paused: 'Paused',
  finished: 'Finished',
  stopped: 'Stopped',
  selecting: 'Selecting',
  training: 'Training',
  aggregating: 'Aggregating',
  committing: 'Committing',
  committed: 'Committed',
  evaluated: 'Evaluated',
  abandoned: 'Abandoned',
  opening: 'Opening',
  gathering: 'Gathering',
  judging: 'Evaluating',
  draining: 'Shutting down',
};

/** What training is for depends on the attempt. */
export const phaseText = (phase: Phase, kind: Status['kind']): string =>
  kind === 'evaluation' && phase === 'training' ? 'Evaluating' : phaseWords[phase];

export type Tone = 'good' | 'busy' | 'warn' | 'bad' | 'calm';

export const runTones: Readonly<Record<RunState, Tone>> = {
  idle: 'calm',
  awaitingModel: 'warn',
  running: 'busy',
  pausing: 'warn',
  paused: 'warn',
  finished: 'good',
  stopped: 'bad',
};

export const stateWords: Readonly<Record<Exclude<ClientState, 'unknown'>, string>> = {
  waiting: 'Waiting',
  selected: 'Selected',
  training: 'Training',
  done: 'Done',
  doneAndInactive: 'Done, then gone',
  ignored: 'Out of this round',
};

/** A refusal's title, or the code itself when this page does not know it. */
export const refusal = (code: string): string =>
  code in errorCatalogue ? errorCatalogue[code as keyof typeof errorCatalogue].title : code;

/** A title as it goes on after a colon. */
export const midSentence = (title: string): string => `${title[0]?.toLowerCase() ?? ''}${title.slice(1)}`;

/** `quorumMissed: 2 of 3 came`: the sentence alone. */
export function abandonment(reason: string): string {
  const [, sentence = reason] = /^\w+: (.*)$/s.exec(reason) ?? [];
  return sentence;
}

const reasonOf = (reason: unknown): string =>
  exclusionWords[reason as ExclusionReason]?.toLowerCase() ?? String(reason);

/** What happened, in a sentence; null for what says little by itself. */
export function eventSentence({ type, data }: ChorusEvent): string | null {
  const round = data.kind === 'evaluation' ? `The evaluation of round ${data.round}` : `Round ${data.round}`;
  const client = typeof data.clientId === 'string' ? shortId(data.clientId) : 'a client';
  switch (type) {
    case 'phase':
      return phaseSentence(data);
    case 'clients.selected':
      return `${round}: ${plural(Number(data.count), 'client')} selected.`;
    case 'update.accepted':
      return `${round}: update of ${client} accepted, ${plural(Number(data.numExamples), 'example')}.`;
    case 'update.refused':
      return `${round}: update of ${client} refused: ${midSentence(refusal(String(data.code)))}.`;
    case 'update.discarded':
      return `${round}: update of ${client} was not needed: ${data.detail}.`;
    case 'client.excluded':
      return `${round}: ${client} is out – ${data.code ? midSentence(refusal(String(data.code))) : reasonOf(data.reason)}.`;
    case 'model.installed':
      return `Model version ${data.version} was installed.`;
    case 'round.committed':
      return `${round} committed model version ${data.modelVersion}${metricsText(data.metrics)}.`;
    case 'result.accepted':
      return `Round ${data.round}: ${client} has evaluated the model, ${plural(Number(data.numExamples), 'example')}.`;
    case 'round.evaluated':
      return `Model version ${data.modelVersion} was evaluated by clients${metricsText(data.metrics)}.`;
    case 'model.judged':
      return `Model version ${data.version} was evaluated by the server${metricsText(data.metrics)}.`;
    case 'evaluation.missed':
      return `Model version ${data.version} was not evaluated by the ${data.by}: ${data.reason}.`;
    case 'round.abandoned':
      return `${round}, attempt ${data.attempt}, abandoned: ${abandonment(String(data.reason))}.`;
    case 'operation':
      return `An operator: ${data.sentence}.`;
    case 'aggregator.lost':
      return `The aggregator was lost: ${data.reason}. It is restarted.`;
    case 'aggregator.restarted':
      return 'The aggregator is back.';
    default:
      return null;
  }
}

function phaseSentence({ phase, kind, round, attempt }: ChorusEvent['data']): string | null {
  if (kind === 'evaluation' && phase === 'training') return `Clients evaluate the model of round ${round}.`;
  if (kind === 'evaluation' && phase === 'selecting') return null;
  const again = Number(attempt) > 1 ? `, attempt ${attempt}` : '';
  switch (phase) {
    case 'selecting':
      return `Round ${round}${again} opened: clients are selected.`;
    case 'training':
      return `Round ${round}${again}: training began.`;
    case 'gathering':
      return 'Waiting for enough clients to open a round.';
    case 'paused':
      return 'The run is paused.';
    case 'finished':
      return 'The run is finished.';
    case 'stopped':
      return 'The run was stopped.';
    case 'awaitingModel':
      return 'A run was started; it waits for its initial model.';
    default:
      return null;
  }
}

function metricsText(metrics: unknown): string {
  const known = Object.entries((metrics ?? {}) as Record<string, number>).slice(0, 2);
  return known.length === 0 ? '' : `: ${known.map(([name, value]) => `${name} ${metric(value)}`).join(', ')}`;
}

/** How an event weighs on an operator's mind. */
export function eventTone({ type, data }: ChorusEvent): Tone {
  if (type === 'round.committed') return 'good';
  if (type === 'round.abandoned' || type === 'aggregator.lost') return 'bad';
  if (type === 'client.excluded') return data.reason === 'notNeeded' ? 'calm' : 'warn';
  if (type === 'update.refused') return 'warn';
  return 'calm';
}
