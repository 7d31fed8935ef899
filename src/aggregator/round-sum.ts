import type { UpdatePlace } from '../domain/facts.ts';
import type { ModelSchema } from '../domain/model.ts';
import type { Contribution } from '../strategies/strategy.ts';
import type { Finished, FoldPiece, Laid } from './fold-task.ts';
import type { Span } from './shared-memory.ts';

/** An accepted update. */
export interface SumUpdate {
  clientId: string;
  span: Span;
  pieces: FoldPiece[];
  contribution: Contribution;
  /** Where its bytes are on the disk; null: nowhere. */
  place: UpdatePlace | null;
}

/** The model that clients started from, and the state of the optimiser that came with it. */
export interface SumBase extends Laid {
  state: SharedArrayBuffer | null;
}

/** @property members who counted, where that is not everyone whose update was accepted. */
export interface Made extends Finished {
  members: string[] | null;
}

/** What becomes of the accepted updates of one attempt: a sum that grows as they come, or all of them, kept until the end. */
export interface RoundSum {
  readonly schema: ModelSchema;
  /** Memory that updates should be put beside, if any. */
  readonly span: Span | undefined;
  /** In the order of acceptance, which gives the bits. @returns when its bytes in memory are not needed any more. */
  add(update: SumUpdate): Promise<void>;
  /**
   * The model that exactly these clients' updates make. What was added is consumed.
   * @throws when one is missing, or they make no model.
   */
  mean(contributions: readonly string[], base: SumBase | null, metadata: Record<string, string>): Promise<Made>;
  /** Gives all memory back, once nothing works on it any more. */
  dispose(): void;
}
