import { grouped, printable } from './format.ts';
import type { Style } from './style.ts';

/** Lines of a long history that are shown of its beginning, and as many of its end. */
const shownOfEachMax = 40;

/** One fact, in words. */
export interface TimelineEntry {
  seq: number;
  atMs: number;
  /** Whose it is: an attempt at a round, or what lies between. */
  group: string;
  sentence: string;
}

/**
 * Lines of a history, one for each fact, under headings; of a long one the middle is left out. Bounded memory, however
 * long it is.
 */
export class Timeline {
  readonly #style: Style;
  readonly #isWhole: boolean;
  readonly #tail: TimelineEntry[] = [];
  #count = 0;
  #isBegun = false;
  #group = '';
  #day = '';

  /** @param isWhole nothing is left out. */
  constructor(style: Style, isWhole: boolean) {
    this.#style = style;
    this.#isWhole = isWhole;
  }

  /** @returns the lines to be written now. */
  add(entry: TimelineEntry): string[] {
    this.#count += 1;
    if (this.#isWhole || this.#count <= shownOfEachMax) return this.#lines(entry);
    this.#tail.push(entry);
    if (this.#tail.length > shownOfEachMax) this.#tail.shift();
    return [];
  }

  /** @returns the lines that are still to be written. */
  end(): string[] {
    const leftOut = this.#isWhole ? 0 : this.#count - this.#tail.length - Math.min(this.#count, shownOfEachMax);
    const gap = leftOut > 0 ? ['', this.#style.faint(`… ${grouped(leftOut)} facts left out; --all shows them …`)] : [];
    if (leftOut > 0) this.#group = '';
    return [...gap, ...this.#tail.flatMap((entry) => this.#lines(entry))];
  }

  #lines({ seq, atMs, group, sentence }: TimelineEntry): string[] {
    const { strong, faint } = this.#style;
    const [day = '', time = ''] = new Date(atMs).toISOString().slice(0, 23).split('T');
    const isNew = group !== this.#group || day !== this.#day;
    this.#group = group;
    this.#day = day;
    const heading = isNew ? [...(this.#isBegun ? [''] : []), `${strong(group)} ${faint(day)}`] : [];
    this.#isBegun = true;
    return [...heading, `${String(seq).padStart(7)}  ${faint(time)}  ${printable(sentence)}`];
  }
}
