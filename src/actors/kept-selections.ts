import type { Selection } from '../selection/policy.ts';

/** Attempts whose selections are kept: the open one, and the last before it. */
const attemptsKeptMax = 4;
/** Selections kept of one attempt: that of its cohort, and the last replacements. */
const selectionsPerAttemptMax = 4;

interface Attempt {
  round: number;
  attempt: number;
  selections: Selection[];
}

/**
 * The selections of the last few attempts at rounds, to explain them: at most 16, of up to 8 bytes for each client
 * there was.
 */
export class KeptSelections {
  readonly #attempts: Attempt[] = [];

  keep({ round, attempt }: { round: number; attempt: number }, selection: Selection): void {
    const last = this.#attempts.at(-1);
    if (last?.round !== round || last.attempt !== attempt) {
      this.#attempts.push({ round, attempt, selections: [selection] });
      if (this.#attempts.length > attemptsKeptMax) this.#attempts.shift();
      return;
    }
    last.selections.push(selection);
    if (last.selections.length > selectionsPerAttemptMax) last.selections.splice(1, 1);
  }

  /** Of one attempt, oldest first. */
  of({ round, attempt }: { round: number; attempt: number }): readonly Selection[] {
    return this.#attempts.find((one) => one.round === round && one.attempt === attempt)?.selections ?? [];
  }

  clear(): void {
    this.#attempts.length = 0;
  }
}
