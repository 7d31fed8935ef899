/** Between two questions, ms: who drags a slider asks many. */
const calmMs = 120;

/** Asks about the latest wish only: what is wished for while an answer is on its way replaces what was before. */
export class Latest<T> {
  readonly #ask: (wish: T) => Promise<void>;
  #wish: { value: T } | null = null;
  #isBusy = false;

  /** @param ask takes care of what goes wrong itself. */
  constructor(ask: (wish: T) => Promise<void>) {
    this.#ask = ask;
  }

  want(value: T): void {
    this.#wish = { value };
    if (!this.#isBusy) void this.#work();
  }

  /** Nobody is interested any more. */
  forget(): void {
    this.#wish = null;
  }

  async #work(): Promise<void> {
    this.#isBusy = true;
    while (this.#wish) {
      const { value } = this.#wish;
      this.#wish = null;
      await this.#ask(value);
      await new Promise((resolve) => setTimeout(resolve, calmMs));
    }
    this.#isBusy = false;
  }
}
