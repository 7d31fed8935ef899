import { progressBar } from './format.ts';

/** Cells of the bar. */
const barWidth = 24;
/** How often the line is drawn again on a terminal, ms; more often nobody can read. */
const redrawMs = 100;
/** How often a line is written where there is no terminal, ms. */
const plainMs = 10_000;
/** What takes less time than this shows nothing, ms. */
const patienceMs = 300;

export interface ProgressOptions {
  stream: { isTTY?: boolean; write(text: string): unknown };
  /** Monotonic time, ms. */
  now: () => number;
}

/** One line about work that takes a while: drawn over on a terminal, else written now and then. */
export class ProgressLine {
  readonly #stream: ProgressOptions['stream'];
  readonly #now: () => number;
  readonly #isDrawn: boolean;
  #nextAtMs: number;
  #isShown = false;

  constructor({ stream, now }: ProgressOptions) {
    this.#stream = stream;
    this.#now = now;
    this.#isDrawn = stream.isTTY === true;
    this.#nextAtMs = now() + (this.#isDrawn ? patienceMs : plainMs);
  }

  /** @param have of `need`, for the bar; without them there is none. */
  show(text: () => string, have = 0, need = 0): void {
    const nowMs = this.#now();
    if (nowMs < this.#nextAtMs) return;
    this.#nextAtMs = nowMs + (this.#isDrawn ? redrawMs : plainMs);
    const line = need > 0 ? `${progressBar(have, need, barWidth)} ${text()}` : text();
    this.#stream.write(this.#isDrawn ? `\r\u001b[K${line}` : `${line}\n`);
    this.#isShown = true;
  }

  /** Takes the line away, so that other lines can be written. */
  clear(): void {
    if (this.#isDrawn && this.#isShown) this.#stream.write('\r\u001b[K');
    this.#isShown = false;
  }
}
