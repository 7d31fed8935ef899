import type { Baseline } from './judges.ts';
import type { Split } from './split.ts';
import type { Score } from './trainer.ts';

const barLength = 20;

/** A share from 0 to 1 as a bar of fixed length. */
const bar = (share: number): string => '█'.repeat(Math.round(share * barLength)).padEnd(barLength, '░');

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

const grouped = (count: number): string => count.toLocaleString('en-GB');

export function openingLine({ clients, split, images }: { clients: number; split: Split; images: number }): string {
  const whose = split === 'two-digits' ? 'two digits each' : 'all digits each';
  const each = grouped(Math.round(images / clients));
  return `${clients} clients with ${each} images, ${whose}. Tested on 2,000 digits that no client has, at the end on 10,000.`;
}

export interface RoundLine {
  round: number;
  rounds: number;
  /** null: the model was gone before it could be tested. */
  score: Score | null;
  contributions: number;
  ms: number;
}

export function roundLine({ round, rounds, score, contributions, ms }: RoundLine): string {
  const count = `${round}`.padStart(`${rounds}`.length);
  const result = score
    ? `${bar(score.accuracy)} ${percent(score.accuracy)}  loss ${score.loss.toFixed(3)}`
    : 'not tested';
  return `round ${count}/${rounds}  ${result}  ${contributions} updates  ${(ms / 1_000).toFixed(2)} s`;
}

export interface ClosingLine {
  federated: { accuracy: number; rounds: number };
  baseline: Baseline;
  seconds: number;
}

export function closingLine({ federated, baseline, seconds }: ClosingLine): string {
  const ours = `Federated: ${percent(federated.accuracy)} after ${federated.rounds} rounds`;
  const theirs = `Centralized: ${percent(baseline.accuracy)} after ${baseline.epochs} epochs on the same ${grouped(baseline.images)} images in one place`;
  return `${ours}. ${theirs}. ${seconds.toFixed(1)} s.`;
}
