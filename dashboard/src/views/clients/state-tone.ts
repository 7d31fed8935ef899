import type { ClientView } from '../../../../src/domain/client.ts';
import type { Tone } from '../../words/sentences.ts';

const tones: Readonly<Record<ClientView['state'], Tone>> = {
  waiting: 'calm',
  selected: 'busy',
  training: 'busy',
  done: 'good',
  doneAndInactive: 'warn',
  ignored: 'warn',
};

export const stateTone = (state: ClientView['state']): Tone => tones[state];
