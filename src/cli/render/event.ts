import type { ChorusEvent } from '../../domain/handle.ts';
import { metricsLine, plural, printable } from './format.ts';

/** Characters of an id that are shown. */
const idShown = 8;

/** An event in one line, without its time: what the event itself says, and nothing that must be asked for. */
export function eventLine({ type, data }: ChorusEvent): string {
  const text = (name: string) => printable(String(data[name] ?? ''));
  const client = text('clientId').slice(0, idShown);
  const round = `Round ${text('round')}`;
  switch (type) {
    case 'phase':
      return data.round ? `${round}, attempt ${text('attempt')}: ${text('phase')}` : `Run: ${text('phase')}`;
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
      const metrics = metricsLine((data.metrics ?? {}) as Record<string, number>);
      const what = `${plural(Number(data.contributions), 'contribution')}, model version ${text('modelVersion')}`;
      return `${round} committed: ${what}${metrics ? `; ${metrics}` : ''}`;
    }
    case 'round.abandoned':
      return `${round}, attempt ${text('attempt')}, abandoned: ${text('reason')}`;
    case 'operation':
      return `An operator: ${text('sentence')}`;
    default:
      return `${printable(type)} ${printable(JSON.stringify(data))}`;
  }
}
