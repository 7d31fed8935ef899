import type { CliSetting } from './catalogue.ts';

/** One value as it was given, and by what: "the flag --port", "the variable CHORUS_PORT", "chorus.toml, [server] port". */
export interface Given {
  readonly setting: CliSetting;
  readonly value: unknown;
  readonly source: string;
}

/** What one source gave, and what is wrong with how it did so: a sentence each. */
export interface Reading {
  readonly given: readonly Given[];
  readonly problems: readonly string[];
}

/** @returns a sentence, led by where the value came from, e.g. "In chorus.toml, [plan] rounds: …". */
export const problemIn = (source: string, sentence: string): string => `${source}: ${sentence}`;
