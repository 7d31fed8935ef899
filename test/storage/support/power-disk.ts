import type { Disk, DiskFile } from '../../../src/storage/disk.ts';

/** One change of a file's content that was not synced. */
type Change = Write | { length: number };

interface Write {
  at: number;
  bytes: Uint8Array;
}

interface Content {
  now: Uint8Array;
  /** As it was at the last sync, and all that was done to it since. */
  synced: Uint8Array;
  unsynced: Change[];
}

/** A name that was given, changed or taken away in a folder that was not synced since. */
type Renaming = { folders: string[]; apply: (names: Map<string, Content>) => void };

/** Bytes that a disk writes or loses together. */
const blockBytes = 512;

/**
 * A disk in memory. A process that ends changes nothing of it, but it can lose its power: of what was not synced, any change may be lost, or parts of it, whatever came
 * after it; names of folders that were not synced are lost from some point on.
 */
export class PowerDisk implements Disk {
  #names: Map<string, Content>;
  #durable: Map<string, Content>;
  #renamings: Renaming[] = [];

  constructor(names = new Map<string, Content>()) {
    this.#names = names;
    this.#durable = new Map(names);
  }

  /** @param pick gives a whole number from 0 to less than its argument. @returns the disk as it is after the power came back. */
  afterLoss(pick: (below: number) => number): PowerDisk {
    const names = new Map(this.#durable);
    for (const { apply } of this.#renamings.slice(0, pick(this.#renamings.length + 1))) apply(names);
    const files = [...names].map(([path, content]) => [path, settled(afterLoss(content, pick))] as const);
    return new PowerDisk(new Map(files));
  }

  /** The content of a file; empty when there is none. */
  peek(path: string): Buffer {
    return Buffer.from(this.#names.get(path)?.now ?? []);
  }

  /** Puts a file there, durably. */
  plant(path: string, bytes: Uint8Array): void {
    const content = settled(bytes);
    this.#names.set(path, content);
    this.#durable.set(path, content);
  }

  async makeFolder(): Promise<void> {}

  async list(folder: string): Promise<string[]> {
    return [...this.#names.keys()]
      .filter((path) => folderOf(path) === folder)
      .map((path) => path.slice(folder.length + 1));
  }

  async read(path: string): Promise<Uint8Array | null> {
    return this.#names.get(path)?.now.slice() ?? null;
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    const content = this.#create(path);
    change(content, { length: 0 });
    change(content, { at: 0, bytes: bytes.slice() });
  }

  async sync(path: string): Promise<void> {
    sync(this.#existing(path));
  }

  async rename(from: string, to: string): Promise<void> {
    const content = this.#existing(from);
    this.#rename([folderOf(from), folderOf(to)], (names) => {
      names.delete(from);
      names.set(to, content);
    });
  }

  async remove(path: string): Promise<void> {
    if (this.#names.has(path)) this.#rename([folderOf(path)], (names) => names.delete(path));
  }

  async syncFolder(folder: string): Promise<void> {
    const isSynced = ({ folders }: Renaming) => folders.includes(folder);
    for (const { apply } of this.#renamings.filter(isSynced)) apply(this.#durable);
    this.#renamings = this.#renamings.filter((renaming) => !isSynced(renaming));
  }

  async open(path: string): Promise<DiskFile> {
    const content = this.#create(path);
    return {
      length: content.now.byteLength,
      writeNow: (bytes, at) => change(content, { at, bytes: bytes.slice() }),
      write: async (bytes, at) => change(content, { at, bytes: bytes.slice() }),
      read: async (into, at) => {
        const bytes = content.now.subarray(at, at + into.byteLength);
        into.set(bytes);
        return bytes.byteLength;
      },
      truncateNow: (length) => change(content, { length }),
      sync: async () => sync(content),
      syncNow: () => sync(content),
      close: async () => undefined,
    };
  }

  #existing(path: string): Content {
    const content = this.#names.get(path);
    if (!content) throw Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' });
    return content;
  }

  #create(path: string): Content {
    const content = this.#names.get(path) ?? settled(new Uint8Array());
    if (!this.#names.has(path)) this.#rename([folderOf(path)], (names) => names.set(path, content));
    return content;
  }

  #rename(folders: string[], apply: Renaming['apply']): void {
    apply(this.#names);
    this.#renamings.push({ folders, apply });
  }
}

const folderOf = (path: string) => path.slice(0, path.lastIndexOf('/'));
const settled = (bytes: Uint8Array): Content => ({ now: bytes, synced: bytes, unsynced: [] });

function sync(content: Content): void {
  content.synced = content.now;
  content.unsynced = [];
}

function change(content: Content, made: Change): void {
  content.now = changed(content.now, made);
  content.unsynced.push(made);
}

function changed(before: Uint8Array, made: Change): Uint8Array {
  const length = 'length' in made ? made.length : Math.max(before.byteLength, made.at + made.bytes.byteLength);
  const after = new Uint8Array(length);
  after.set(before.subarray(0, length));
  if ('at' in made) after.set(made.bytes, made.at);
  return after;
}

function afterLoss({ synced, unsynced }: Content, pick: (below: number) => number): Uint8Array {
  let bytes = synced;
  for (const made of unsynced) {
    const survived = 'length' in made ? [made].slice(pick(2)) : survivors(made, pick);
    for (const change of survived) bytes = changed(bytes, change);
  }
  return bytes;
}

/** What of a write reached the disk: any of its blocks, or a beginning. */
function survivors(write: Write, pick: (below: number) => number): Write[] {
  if (pick(3) === 0) return [{ ...write, bytes: write.bytes.subarray(0, pick(write.bytes.byteLength + 1)) }];
  return [...blocksOf(write)].filter(() => pick(2) === 1);
}

function* blocksOf({ at, bytes }: Write): Generator<Write> {
  for (let from = 0; from < bytes.byteLength; ) {
    const to = Math.min(bytes.byteLength, from + blockBytes - ((at + from) % blockBytes));
    yield { at: at + from, bytes: bytes.subarray(from, to) };
    from = to;
  }
}
