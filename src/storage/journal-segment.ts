import type { Disk, DiskFile } from './disk.ts';
import { pathOfSegment } from './journal-format.ts';

/** A segment that is written to. A write that fails leaves nothing behind. */
export class JournalSegment {
  readonly number: number;
  readonly #file: DiskFile;
  #length: number;
  /** `torn`: a write failed, and what it left is there still. `cut`: it was cut off, but that is not synced. */
  #end: 'whole' | 'torn' | 'cut';

  private constructor(number: number, file: DiskFile, length: number) {
    this.number = number;
    this.#file = file;
    this.#length = length;
    this.#end = file.length > length ? 'torn' : 'whole';
  }

  /** Opens a segment, or begins one, and cuts off what is after `length`. @throws a system error. */
  static async open(disk: Disk, number: number, length: number): Promise<JournalSegment> {
    const file = await disk.open(pathOfSegment(number));
    const segment = new JournalSegment(number, file, length);
    try {
      segment.#cut();
      await file.sync();
      segment.#end = 'whole';
      return segment;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Bytes. */
  get length(): number {
    return this.#length;
  }

  /** Whether it must be mended before it is written to. */
  get isWhole(): boolean {
    return this.#end === 'whole';
  }

  /**
   * Cuts off what a failed write left, and syncs: were the cut lost with the power and what is written next not, the
   * journal would look damaged. @throws a system error.
   */
  mend(sync: () => void): void {
    this.#cut();
    sync();
    this.#end = 'whole';
  }

  /** Writes the text at the end of a whole segment, all or nothing. @throws a system error. */
  write(text: string): void {
    const bytes = Buffer.from(text);
    try {
      this.#file.writeNow(bytes, this.#length);
    } catch (error) {
      this.#end = 'torn';
      try {
        this.#cut();
      } catch {
        // It is tried again before the next write; the first error says more.
      }
      throw error;
    }
    this.#length += bytes.byteLength;
  }

  sync(): Promise<void> {
    return this.#file.sync();
  }

  syncNow(): void {
    this.#file.syncNow();
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  #cut(): void {
    if (this.#end === 'torn') this.#file.truncateNow(this.#length);
    if (this.#end === 'torn') this.#end = 'cut';
  }
}
