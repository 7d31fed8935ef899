import type { ChorusEvent } from '../../domain/handle.ts';
import { metricsLine, plural, printable } from './format.ts';
import type { Style } from './style.ts';

/** Characters of an id that are shown. */
const idShown = 8;

type Data = ChorusEvent['data'];

const metricsText = ({ metrics }: Data): string => metricsLine((metrics ?? {}) as Record<string, number>);

/** The first attempt goes without saying. */
function attemptText({ kind, attempt }: Data): string {
  if (kind === 'evaluation') return ', evaluation';
  return Number(attempt) > 1 ? `, attempt ${attempt}` : '';
}

/** How an event weighs on an operator's mind, by colour. */
export function eventStyle({ type, data }: ChorusEvent, style: Style): (text: string) => string {
  if (type === 'round.committed' || type === 'aggregator.restarted') return style.good;
  if (type === 'round.abandoned' || type === 'aggregator.lost') return style.bad;
  const isTrouble = type === 'update.refused' || (type === 'client.excluded' && data.reason !== 'notNeeded');
  return isTrouble ? style.warning : (text) => text;
}

/** An event in one line, without its time: what the event itself says, and nothing that must be asked for. */
export function eventLine({ type, data }: ChorusEvent): string {
  const text = (name: string) => printable(String(data[name] ?? ''));
  const client = text('clientId').slice(0, idShown);
  const round = `Round ${text('round')}`;
  switch (type) {
    case 'phase':
      return data.round ? `${round}${attemptText(data)}: ${text('phase')}` : `Run: ${text('phase')}`;
    case 'membership':
      return `${plural(Number(data.population), 'client')} registered`;
    case 'clients.selected':
      return `${round}: ${plural(Number(data.count), 'client')} selected`;
    case 'update.accepted':
      return `${round}: update of ${client} accepted, ${plural(Number(data.numExamples), 'example')}`;
    case 'update.refused':
      return `${round}: update of ${client} refused, ${text('code')}`;
    case 'update.discarded':
      return `${round}: update of ${client} discarded, ${text('detail')}`;
    case 'client.excluded':
      return `${round}: ${client} is out, ${printable(String(data.code ?? data.reason))}`;
    case 'round.committed': {
      const metrics = metricsText(data);
      const what = `${plural(Number(data.contributions), 'contribution')}, model version ${text('modelVersion')}`;
      return `${round} committed: ${what}${metrics ? `; ${metrics}` : ''}`;
    }
    case 'round.abandoned':
      return `${round}, attempt ${text('attempt')}, abandoned: ${text('reason')}`;
    case 'result.accepted':
      return `${round}: result of ${client} accepted, ${plural(Number(data.numExamples), 'example')}`;
    case 'round.evaluated':
      return `${round}: model version ${text('modelVersion')} evaluated by ${plural(Number(data.contributions), 'client')}; ${metricsText(data)}`;
    case 'model.judged':
      return `Model version ${text('version')} evaluated by the server; ${metricsText(data)}`;
    case 'evaluation.missed':
      return `Model version ${text('version')} not evaluated by the ${text('by')}: ${text('reason')}`;
    case 'model.installed':
      return `Model version ${text('version')} installed`;
    case 'aggregator.lost':
      return `The aggregator was lost: ${text('reason')}`;
    case 'aggregator.restarted':
      return 'The aggregator is back';
    case 'operation':
      // The server starts runs by itself as well.
      return `${data.by === 'admin token' ? 'An operator: ' : ''}${text('sentence')}`;
    default:
      return `${printable(type)} ${printable(JSON.stringify(data))}`;
  }
}
