/** Rounds that are held against as many before them: W in the paper. */
const windowRounds = 20;

/**
 * Whether slower clients shall be let in: Oort's pacer, Lai et al. 2021, OSDI, algorithm 1. Preferring the fast is good as
 * long as there is much to learn from them. When the committed rounds of a window brought less utility than those of the
 * window before, the preferred time to report gets one step longer. Begins anew with each run.
 */
export class Pacer {
  #steps = 0;
  #ofRound = 0;
  #ofWindow = 0;
  #rounds = 0;
  /** Of the window before; null: there was none. */
  #before: number | null = null;

  /** How many steps longer the preferred time is than at first, one in {@link windowRounds} rounds at most. */
  get steps(): number {
    return this.#steps;
  }

  /** An update was accepted. @param utility examples × loss, in size; NaN: not known */
  gained(utility: number): void {
    if (!Number.isNaN(utility)) this.#ofRound += utility;
  }

  roundEnded(isCommitted: boolean): void {
    const gained = this.#ofRound;
    this.#ofRound = 0;
    if (!isCommitted) return;
    this.#ofWindow += gained;
    this.#rounds += 1;
    if (this.#rounds < windowRounds) return;
    if (this.#before !== null && this.#ofWindow < this.#before) this.#steps += 1;
    this.#before = this.#ofWindow;
    this.#ofWindow = 0;
    this.#rounds = 0;
  }

  runBegan(): void {
    this.#steps = 0;
    this.#ofRound = 0;
    this.#ofWindow = 0;
    this.#rounds = 0;
    this.#before = null;
  }
}
