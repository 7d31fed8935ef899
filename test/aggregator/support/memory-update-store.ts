import type { UpdatePlace } from '../../../src/domain/facts.ts';
import type { AttemptKey, UpdateStore } from '../../../src/storage/update-store.ts';

const nameOf = ({ run, round, attempt }: AttemptKey): string => `${run}-${round}-${attempt}`;

/** Staged updates in memory, which outlive the service that staged them, and a disk that fails when it is told to. */
export class MemoryUpdateStore implements UpdateStore {
  /** What is staged, by attempt and offset. */
  readonly files = new Map<string, Map<number, Uint8Array>>();
  /** Attempts whose updates made a model. */
  readonly committed: string[] = [];
  puts = 0;
  /** The error of the next writes. */
  failure: Error | null = null;
  /** Settles before a write or a read does. */
  delay: Promise<unknown> = Promise.resolve();
  isClosed = false;
  #open: string | null = null;
  #end = 0;

  async open(attempt: AttemptKey): Promise<void> {
    this.#mayWrite();
    const name = nameOf(attempt);
    for (const other of this.files.keys()) if (other !== name) this.files.delete(other);
    if (!this.files.has(name)) this.files.set(name, new Map());
    this.#open = name;
  }

  async put(bytes: Uint8Array): Promise<UpdatePlace> {
    const name = this.#open;
    if (name === null) throw new Error('No attempt is open');
    const place = { at: this.#end, bytes: bytes.byteLength };
    this.#end += bytes.byteLength;
    this.puts += 1;
    await this.delay;
    this.#mayWrite();
    this.files.get(name)?.set(place.at, Uint8Array.from(bytes));
    return place;
  }

  async read({ at, bytes }: UpdatePlace, into: Uint8Array): Promise<void> {
    await this.delay;
    const staged = this.staged.get(at);
    if (staged?.byteLength !== bytes) throw new Error('They are not all there');
    into.set(staged);
  }

  async end(committed: boolean): Promise<void> {
    if (this.#open === null) return;
    if (committed) this.committed.push(this.#open);
    this.files.delete(this.#open);
    this.#open = null;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.#open = null;
  }

  /** Of the attempt that is there. */
  get staged(): Map<number, Uint8Array> {
    return [...this.files.values()].at(-1) ?? new Map();
  }

  #mayWrite(): void {
    if (this.failure) throw this.failure;
  }
}

export const systemError = (code: string): Error => Object.assign(new Error(`${code}: it says no`), { code });
