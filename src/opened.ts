/** What was opened, to be closed again: all of it, the last first. */
export class Opened {
  readonly #closers: (() => unknown)[] = [];

  /** @param close may be called once only */
  add(close: () => unknown): void {
    this.#closers.push(close);
  }

  /** @throws the first error, when all the others are closed. */
  async close(): Promise<void> {
    const errors: unknown[] = [];
    for (const close of this.#closers.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}
