import type { RoundPhase } from '../../../../src/domain/handle.ts';
import type { Tone } from '../../words/sentences.ts';

export const roundTone = (phase: RoundPhase): Tone =>
  phase === 'committed' || phase === 'evaluated' ? 'good' : phase === 'abandoned' ? 'bad' : 'busy';
