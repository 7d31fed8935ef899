import type { Chance } from './chance.ts';

/** A change of a file's content: bytes at an offset, or a new length. */
type Change = { kind: 'write'; at: number; bytes: Uint8Array } | { kind: 'truncate'; length: number };

const capacityBytesMin = 256;

/** Bytes that can grow. */
class Content {
  #buffer: Uint8Array;
  length: number;

  constructor(bytes: Uint8Array) {
    this.#buffer = bytes.slice();
    this.length = bytes.byteLength;
  }

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.length);
  }

  apply(change: Change): void {
    if (change.kind === 'truncate') {
      if (change.length < this.length) this.#buffer.fill(0, change.length, this.length);
      else this.#reserve(change.length);
      this.length = change.length;
      return;
    }
    const end = change.at + change.bytes.byteLength;
    this.#reserve(end);
    this.#buffer.set(change.bytes, change.at);
    this.length = Math.max(this.length, end);
  }

  #reserve(length: number): void {
    if (length <= this.#buffer.byteLength) return;
    const larger = new Uint8Array(Math.max(capacityBytesMin, length, 2 * this.#buffer.byteLength));
    larger.set(this.bytes);
    this.#buffer = larger;
  }
}

/** A file, under whatever names: what every process sees, and what is on the medium. */
export class SimulatedFile {
  #seen = new Content(new Uint8Array());
  #synced = new Content(new Uint8Array());
  /** What was changed since the last sync, in order. */
  #unsynced: Change[] = [];
  /** How many changes have come to the medium by syncs. */
  #syncedCount = 0;

  get bytes(): Uint8Array {
    return this.#seen.bytes;
  }

  get length(): number {
    return this.#seen.length;
  }

  write(bytes: Uint8Array, at: number): void {
    this.#change({ kind: 'write', at, bytes: bytes.slice() });
  }

  truncate(length: number): void {
    this.#change({ kind: 'truncate', length });
  }

  /** Begins a sync. @returns what ends it: then all that was changed before it began is on the medium. */
  beginSync(): () => void {
    const target = this.#syncedCount + this.#unsynced.length;
    return () => {
      // Another sync may have ended meanwhile.
      const changes = this.#unsynced.splice(0, Math.max(0, target - this.#syncedCount));
      for (const change of changes) this.#synced.apply(change);
      this.#syncedCount += changes.length;
    };
  }

  /** Power is lost: of what was not synced, any part may have come to the medium, whole or torn. */
  losePower(chance: Chance): void {
    const survives = chance.pick(['none', 'some', 'first', 'all']);
    const firsts = chance.below(this.#unsynced.length + 1);
    this.#unsynced.forEach((change, index) => {
      const isThere =
        survives === 'all' || (survives === 'first' && index < firsts) || (survives === 'some' && chance.happens(0.5));
      const isTorn = change.kind === 'write' && survives !== 'all' && chance.happens(0.3);
      if (isThere) this.#synced.apply(isTorn ? torn(change, chance) : change);
      else if (survives === 'first' && index === firsts && change.kind === 'write') {
        this.#synced.apply(torn(change, chance));
      }
    });
    this.#unsynced = [];
    this.#seen = new Content(this.#synced.bytes);
  }

  #change(change: Change): void {
    this.#seen.apply(change);
    this.#unsynced.push(change);
  }
}

const torn = (change: { kind: 'write'; at: number; bytes: Uint8Array }, chance: Chance): Change => ({
  ...change,
  bytes: change.bytes.subarray(0, chance.below(change.bytes.byteLength + 1)),
});

/** A change of names: a file gets a name, loses one, or goes from one to another, all at once. */
interface NameChange {
  file: SimulatedFile;
  from: string | null;
  to: string | null;
}

/** Which names lead to which files: as every process sees it, and as it is on the medium. */
export class SimulatedNames {
  #seen = new Map<string, SimulatedFile>();
  #synced = new Map<string, SimulatedFile>();
  #unsynced: NameChange[] = [];

  get(path: string): SimulatedFile | undefined {
    return this.#seen.get(path);
  }

  /** Paths in a folder. */
  within(folder: string): string[] {
    return [...this.#seen.keys()].filter((path) => folderOf(path) === folder);
  }

  change(change: NameChange): void {
    apply(this.#seen, change);
    this.#unsynced.push(change);
  }

  /** Begins a sync of a folder. @returns what ends it. */
  beginSync(folder: string): () => void {
    const changes = this.#unsynced.filter((change) => concerns(change, folder));
    return () => {
      for (const change of changes) {
        const at = this.#unsynced.indexOf(change);
        if (at === -1) continue;
        this.#unsynced.splice(at, 1);
        apply(this.#synced, change);
      }
    };
  }

  /** Power is lost: of the changes that were not synced, the first may have come to the medium, or any. */
  losePower(chance: Chance): void {
    const survives = chance.pick(['none', 'some', 'first', 'all']);
    const firsts = chance.below(this.#unsynced.length + 1);
    this.#unsynced.forEach((change, index) => {
      const isThere =
        survives === 'all' || (survives === 'first' && index < firsts) || (survives === 'some' && chance.happens(0.5));
      if (isThere) apply(this.#synced, change);
    });
    this.#unsynced = [];
    this.#seen = new Map(this.#synced);
    for (const file of new Set(this.#seen.values())) file.losePower(chance);
  }
}

export const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

const concerns = ({ from, to }: NameChange, folder: string): boolean =>
  (from !== null && folderOf(from) === folder) || (to !== null && folderOf(to) === folder);

function apply(names: Map<string, SimulatedFile>, { file, from, to }: NameChange): void {
  if (from !== null && names.get(from) === file) names.delete(from);
  if (to !== null) names.set(to, file);
}
