import type { Entry, Fact } from '../domain/facts.ts';
import type { Disk } from './disk.ts';
import { GroupSync } from './group-sync.ts';
import { FactTooLarge, type Journal } from './journal.ts';
import {
  addLines,
  factsToJson,
  firstHash,
  headerLine,
  isCheckpoint,
  journalFolder,
  markLine,
} from './journal-format.ts';
import { findLast, listSegments, readJournal } from './journal-reader.ts';
import { JournalSegment } from './journal-segment.ts';

export interface JournalOptions {
  /** A segment that is longer is followed by a new one, bytes. @default 64 MiB */
  segmentBytesMax?: number;
  /** Longest fact as JSON, bytes; a checkpoint is one. @default 256 MiB */
  factBytesMax?: number;
  /** Told, in a sentence, what was cut off when the journal was opened. */
  onNote?: (sentence: string) => void;
}

/** How many times longer than it should be a segment may get when no new one can be begun. */
const overlongTimesMax = 8;

/**
 * A journal in files; see `journal-format.ts`. What a crash left half-written at its end is cut off.
 * @throws {JournalDamaged} it is damaged elsewhere, or a newer version wrote it. @throws a system error.
 */
export async function openFileJournal(disk: Disk, options: JournalOptions = {}): Promise<Journal> {
  await disk.makeFolder(journalFolder);
  const segments = await listSegments(disk);
  const last = await findLast(disk, segments, options.onNote);
  const current = last && (await JournalSegment.open(disk, last.segment, last.checked.end));
  const { hash, seq, synced } = last?.checked ?? { hash: firstHash, seq: 0, synced: 0 };
  const journal = new FileJournal(disk, options, { current, hash, seq, synced });
  try {
    await journal.begin((last?.segment ?? (segments[0] ?? 1) - 1) + 1, segments.at(-1) ?? 0);
  } catch (error) {
    await journal.close().catch(() => undefined);
    throw error;
  }
  return journal;
}

interface Place {
  current: JournalSegment | null;
  hash: string;
  seq: number;
  synced: number;
}

class FileJournal implements Journal {
  readonly #disk: Disk;
  readonly #segmentBytesMax: number;
  readonly #factBytesMax: number;
  readonly #group = new GroupSync(() => this.#sync());
  #current: JournalSegment | null;
  /** The next segment: creating a file takes a while, `append` does not wait. */
  #spare: JournalSegment | null = null;
  #preparing: Promise<void> | null = null;
  #notPrepared: { error: unknown } | null = null;
  readonly #closing = new Set<Promise<void>>();
  /** Of the last line. */
  #hash: string;
  #seq: number;
  #synced: number;

  constructor(disk: Disk, { segmentBytesMax = 2 ** 26, factBytesMax = 2 ** 28 }: JournalOptions, place: Place) {
    this.#disk = disk;
    this.#segmentBytesMax = segmentBytesMax;
    this.#factBytesMax = factBytesMax;
    this.#current = place.current;
    this.#hash = place.hash;
    this.#seq = place.seq;
    this.#synced = place.synced;
  }

  get seq(): number {
    return this.#seq;
  }

  get isSound(): boolean {
    return this.#group.isSound;
  }

  /**
   * Clears what a crash left of later segments before anything is written: it must not come back after that.
   * @param next the number of the segment to be begun next. @param last the highest that there is a file of.
   */
  async begin(next: number, last: number): Promise<void> {
    for (let segment = last; segment > next; segment -= 1) {
      const left = await JournalSegment.open(this.#disk, segment, 0);
      await left.close();
    }
    await this.#openSpare(next);
    // What is read is acted upon, so it was made to last when the segment was opened.
    this.#noteSynced(this.#seq);
  }

  entries(): AsyncIterable<Entry> {
    return readJournal(this.#disk);
  }

  append(facts: readonly Fact[], atMs: number): number {
    this.#group.assertSound();
    const [first] = facts;
    if (!first) return this.#seq;
    const jsons = factsToJson(facts, this.#seq + 1, atMs);
    for (const [index, json] of jsons.entries()) this.#assertFits(json, facts[index]);
    this.#mend();
    if (this.#shallRoll(first)) this.#roll(jsons);
    else this.#write(jsons);
    this.#seq += facts.length;
    return this.#seq;
  }

  synced(): Promise<void> {
    return this.#group.request();
  }

  syncNow(): void {
    this.#group.assertSound();
    if (this.#synced === this.#seq) return;
    if (this.#current) this.#syncSegment(this.#current);
    this.#noteSynced(this.#seq);
  }

  async close(): Promise<void> {
    try {
      await this.synced();
    } finally {
      this.#group.fail(new Error('The journal is closed'));
      await this.#group.idle();
      await this.#preparing;
      await Promise.all([this.#current?.close(), this.#spare?.close(), ...this.#closing]);
      this.#current = null;
      this.#spare = null;
    }
  }

  #assertFits(json: string, fact: Fact | undefined): void {
    const bytes = Buffer.byteLength(json);
    if (bytes > this.#factBytesMax) {
      throw new FactTooLarge(
        `A fact of type ${fact?.type} has ${bytes} bytes; at most ${this.#factBytesMax} are written`,
      );
    }
  }

  #write(jsons: readonly string[]): void {
    const { text, hash } = addLines({ text: '', hash: this.#hash }, jsons);
    this.#current?.write(text);
    this.#hash = hash;
  }

  /** Whether a new segment is begun with this fact, and can be. @throws when none can, and the current one is far too long. */
  #shallRoll(first: Fact): boolean {
    const length = this.#current?.length ?? Number.POSITIVE_INFINITY;
    if (length < this.#segmentBytesMax && !isCheckpoint(first)) return false;
    if (this.#spare) return true;
    this.#prepareSpare();
    const isOverlong = length > this.#segmentBytesMax * overlongTimesMax;
    if (isOverlong && this.#notPrepared) throw this.#notPrepared.error;
    return false;
  }

  /** Begins a new segment. The one before it is synced first: of two, only the later may have a torn end. */
  #roll(jsons: readonly string[]): void {
    const [spare, old] = [this.#spare, this.#current];
    if (!spare) return;
    if (old) this.#syncSegment(old);
    const header = headerLine({ segment: spare.number, first: this.#seq + 1, previous: this.#hash });
    const { text, hash } = addLines(header, jsons);
    spare.write(text);
    this.#synced = this.#seq;
    this.#hash = hash;
    this.#current = spare;
    this.#spare = null;
    if (old) this.#retire(old);
    this.#prepareSpare();
  }

  /** Closes a segment that is whole and synced, when no sync is under way. That it cannot be closed would mean nothing. */
  #retire(old: JournalSegment): void {
    const closed = this.#group
      .idle()
      .then(() => old.close())
      .catch(() => undefined)
      .finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
  }

  #prepareSpare(): void {
    this.#preparing ??= this.#openSpare((this.#current?.number ?? 0) + 1)
      .then(
        () => {
          this.#notPrepared = null;
        },
        (error: unknown) => {
          this.#notPrepared = { error };
        },
      )
      .finally(() => {
        this.#preparing = null;
      });
  }

  async #openSpare(number: number): Promise<void> {
    const spare = await JournalSegment.open(this.#disk, number, 0);
    try {
      await this.#disk.syncFolder(journalFolder);
    } catch (error) {
      await spare.close();
      throw error;
    }
    this.#spare = spare;
  }

  async #sync(): Promise<void> {
    const upTo = this.#seq;
    if (upTo === this.#synced) return;
    await this.#current?.sync();
    this.#noteSynced(upTo);
  }

  /** To be called before every write: what a failed one left, in either segment, must not come back after it. */
  #mend(): void {
    for (const segment of [this.#spare, this.#current]) {
      if (segment && !segment.isWhole) segment.mend(() => this.#syncSegment(segment));
    }
  }

  #syncSegment(segment: JournalSegment): void {
    try {
      segment.syncNow();
    } catch (error) {
      this.#group.fail(error);
      throw error;
    }
  }

  /** Writes down what is synced before anyone is told: damage to it can then be told from an end that was never promised. */
  #noteSynced(upTo: number): void {
    if (upTo <= this.#synced) return;
    this.#synced = upTo;
    const { text, hash } = markLine(this.#hash, upTo);
    try {
      this.#mend();
      this.#current?.write(text);
      this.#hash = hash;
    } catch {
      // On a full disk it goes without: the facts are synced all the same.
    }
  }
}
