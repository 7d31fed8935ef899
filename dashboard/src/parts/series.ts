import type { Ink } from './colours.ts';

/** What a chart draws along its x axis. */
export interface Series {
  label: string;
  ink: Ink;
  /** One value for each x; null leaves a gap. */
  values: readonly (number | null)[];
}
