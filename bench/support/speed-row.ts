import { median, medianRatio } from './measure.ts';
import { gigabytesPerSecond, type Judgement, type Row } from './report.ts';

export interface Speeds {
  what: string;
  against: string;
  /** What both get done in each turn, bytes. */
  bytes: number;
  /** Times of each turn, ms. */
  ours: readonly number[] | undefined;
  reference: readonly number[] | undefined;
}

/** Our speed beside that of a reference; the ratio is the median of those of the turns. */
export function speedRow(
  { what, against, bytes, ours = [], reference = [] }: Speeds,
  judge: (ratio: number) => Judgement,
): Row {
  const ratio = medianRatio(reference, ours);
  return {
    what,
    against,
    ours: gigabytesPerSecond(bytes, median(ours)),
    reference: gigabytesPerSecond(bytes, median(reference)),
    ratio,
    ...judge(ratio),
  };
}
