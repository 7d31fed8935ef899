/** One line of a benchmark's table. */
export interface Row extends Judgement {
  /** What is measured, in words. */
  what: string;
  /** What it is held against, measured in the same run; '' where there is nothing to hold it against. */
  against: string;
  /** Figures with their units, e.g. `3.1 GB/s`. */
  ours: string;
  reference: string;
  /** ours ÷ reference, as the target means it; null without a reference. */
  ratio: number | null;
}

export interface Judgement {
  /** e.g. `≥ 0.75 ×` or `≤ 25 ms`; '' for what is only reported. */
  wanted: string;
  /** How many times better than wanted: 1 just meets it. null where nothing is wanted. */
  margin: number | null;
  isMet: boolean | null;
}

export const atLeast = (wanted: number, value: number, unit = '×'): Judgement => ({
  wanted: `≥ ${wanted.toLocaleString('en')} ${unit}`,
  margin: value / wanted,
  isMet: value >= wanted,
});

export const atMost = (wanted: number, value: number, unit = '×'): Judgement => ({
  wanted: `≤ ${wanted.toLocaleString('en')} ${unit}`,
  margin: wanted / value,
  isMet: value <= wanted,
});

export const onlyReported: Judgement = { wanted: '', margin: null, isMet: null };
/** For rows that have no reference. */
export const alone = { against: '', reference: '', ratio: null };

/** `tiny`: only to see that it still runs; its figures say nothing. */
export type Size = 'full' | 'tiny';

export interface Benchmark {
  /** The file's name without its ending. */
  name: string;
  /** The question that the table answers. */
  question: string;
  /** How it is measured. */
  method: string;
  run(size: Size): Promise<Row[]>;
}

/** A benchmark's table as it is kept in `bench/results`. */
export interface Result {
  name: string;
  question: string;
  method: string;
  measuredAt: string;
  machine: Record<string, string | number>;
  versions: Record<string, string>;
  rows: Row[];
}

export const gigabytesPerSecond = (bytes: number, ms: number): string => `${(bytes / ms / 1e6).toFixed(2)} GB/s`;
export const perSecond = (count: number, ms: number): string =>
  `${Math.round((count / ms) * 1_000).toLocaleString('en')}/s`;
export const milliseconds = (ms: number): string => `${ms < 10 ? ms.toFixed(2) : Math.round(ms)} ms`;
export const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`;
export const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6).toLocaleString('en')} MB`;
