/** Entries kept; of a longer simulation, the newest. */
const entriesKeptMax = 100_000;

interface TranscriptEntry {
  atMs: number;
  who: string;
  what: string;
  about: unknown;
}

/** What happened, in order. Lines are made when they are asked for: a simulation that finds nothing is not slowed down. */
export class Transcript {
  #entries: TranscriptEntry[] = [];
  #dropped = 0;

  note(atMs: number, who: string, what: string, about: unknown = undefined): void {
    this.#entries.push({ atMs, who, what, about });
    if (this.#entries.length < 2 * entriesKeptMax) return;
    this.#dropped += entriesKeptMax;
    this.#entries = this.#entries.slice(entriesKeptMax);
  }

  /** Lines that are not kept any more. */
  get dropped(): number {
    return this.#dropped;
  }

  lines(): string[] {
    return this.#entries.map(
      ({ atMs, who, what, about }) =>
        `${atMs.toFixed(1).padStart(10)} ms  ${who.padEnd(10)} ${what}${about === undefined ? '' : ` ${textOf(about)}`}`,
    );
  }
}

const textOf = (about: unknown): string => (typeof about === 'string' ? about : JSON.stringify(about));
