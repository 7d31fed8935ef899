import type { ChorusEvent, CoordinatorHandle } from '../../domain/handle.ts';
import { duration, metricsLine, plural, printable } from '../render/format.ts';

/** What is logged about an event. */
export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What an event does not carry itself is read from here, when it is needed. */
export type Situation = Pick<CoordinatorHandle, 'status' | 'rounds'>;

/** Phases of a run that wait for somebody, and are worth the sentence that says for whom. */
const waitingPhases: Readonly<Record<string, LogLine['level']>> = {
  gathering: 'info',
  awaitingModel: 'info',
  paused: 'warn',
  finished: 'info',
  stopped: 'warn',
};

/** Reasons to give a round up that are nobody's failure. */
const harmlessReasons = ['tooFewClients', 'modelInstalled', 'paused', 'stopped', 'restarted'];

/** @returns how an event is to be logged, in few words, or null when it is not: heartbeats and counts say little. */
export function describeEvent({ type, data }: ChorusEvent, situation: Situation): LogLine | null {
  const round = String(data.round ?? '');
  const label = data.kind === 'evaluation' ? `Evaluation of round ${round}` : `Round ${round}`;
  const client = printable(String(data.clientId ?? '')).slice(0, 8);
  const line = (level: LogLine['level'], message: string): LogLine => ({
    level,
    message,
    fields: { event: type, ...data, ...withPrintableMetrics(data) },
  });
  switch (type) {
    case 'phase':
      return describePhase(data, situation, line);
    case 'clients.selected':
      return line('info', `${label}: ${plural(Number(data.count), 'client')} selected`);
    case 'update.accepted':
      return line(
        'debug',
        `Round ${round}: update of ${client} accepted, ${plural(Number(data.numExamples), 'example')}`,
      );
    case 'update.refused':
      return line('info', `Round ${round}: update of ${client} refused, ${data.code}`);
    case 'update.discarded':
      return line('debug', `Round ${round}: update of ${client} discarded, ${data.detail}`);
    case 'client.excluded':
      return line('info', `Round ${round}: ${client} is out, ${data.code ?? data.reason}`);
    case 'model.installed':
      return line('info', `Model version ${data.version} installed`);
    case 'round.committed':
      return describeCommit(data, situation, line);
    case 'result.accepted':
      return line(
        'debug',
        `Evaluation of round ${round}: result of ${client}, ${plural(Number(data.numExamples), 'example')}`,
      );
    case 'round.evaluated':
      return line(
        'info',
        `Model version ${data.modelVersion} evaluated by ${plural(Number(data.contributions), 'client')}${found(data)}`,
      );
    case 'model.judged':
      return line('info', `Model version ${data.version} evaluated by the server${found(data)}`);
    case 'evaluation.missed':
      return line(
        'warn',
        `Model version ${data.version} not evaluated by the ${data.by}: ${printable(String(data.reason))}`,
      );
    case 'round.abandoned':
      return data.kind === 'evaluation'
        ? line('warn', `${label} came to nothing: ${data.reason}`)
        : line(abandonLevel(data.reason), `Round ${round} abandoned at attempt ${data.attempt}: ${data.reason}`);
    case 'aggregator.lost':
      return line('error', `The aggregator was lost: ${data.reason}; it is restarted`);
    case 'aggregator.restarted':
      return line('warn', 'The aggregator is back');
    default:
      return null;
  }
}

/** JSON leaves some characters as they are that drive a terminal or turn a line round. */
const withPrintableMetrics = ({ metrics }: ChorusEvent['data']) =>
  typeof metrics === 'object' && metrics !== null
    ? { metrics: Object.fromEntries(Object.entries(metrics).map(([name, value]) => [printable(name), value])) }
    : {};

/** What an evaluation found. */
function found({ metrics }: ChorusEvent['data']): string {
  const line = metricsLine((metrics ?? {}) as Record<string, number>);
  return line ? `: ${line}` : '';
}

/** @param reason as kept in the record: its name, a colon and a sentence. */
const abandonLevel = (reason: unknown): LogLine['level'] =>
  harmlessReasons.includes(String(reason).split(':', 1)[0] ?? '') ? 'info' : 'warn';

type ToLine = (level: LogLine['level'], message: string) => LogLine;

function describePhase(data: ChorusEvent['data'], situation: Situation, line: ToLine): LogLine {
  const phase = String(data.phase);
  const level = waitingPhases[phase];
  if (level) return line(level, situation.status().waitingFor.summary);
  const place = `round ${data.round}, attempt ${data.attempt}`;
  return line('debug', `${phase[0]?.toUpperCase()}${phase.slice(1)}: ${place}`);
}

function describeCommit(data: ChorusEvent['data'], situation: Situation, line: ToLine): LogLine {
  const { roundsTotal } = situation.status();
  const record = situation.rounds(1)[0];
  const took = record?.endedAtMs ? `, ${duration(record.endedAtMs - record.openedAtMs)}` : '';
  const excluded = Number(data.exclusions) > 0 ? `, ${data.exclusions} excluded` : '';
  const metrics = metricsLine((data.metrics ?? {}) as Record<string, number>);
  const parts = `${plural(Number(data.contributions), 'contribution')}${excluded}, model version ${data.modelVersion}${took}`;
  return line('info', `Round ${data.round}/${roundsTotal} committed: ${parts}${metrics ? `; ${metrics}` : ''}`);
}
