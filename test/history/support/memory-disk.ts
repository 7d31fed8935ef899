import type { Disk, DiskFile } from '../../../src/storage/disk.ts';

/** Told of what is appended to the journal, before it is there. @param facts how many facts are in it. */
type OnAppend = (facts: number) => void;

/** A disk in memory that outlives the processes that use it. Nothing takes time, and nothing fails. */
export class MemoryDisk {
  /** Contents are never changed in place, so a copy of the map is a copy of the disk. */
  readonly files: Map<string, Buffer>;

  constructor(files: ReadonlyMap<string, Buffer> = new Map()) {
    this.files = new Map(files);
  }

  /** The disk as one process sees it, until `signal` says that the process is gone: then nothing happens any more. */
  faceFor(signal: AbortSignal, onAppend: OnAppend = () => undefined): Disk {
    const { files } = this;
    const alive = () => signal.throwIfAborted();
    const within = (folder: string) => [...files.keys()].filter((path) => path.startsWith(`${folder}/`));
    return {
      makeFolder: async () => alive(),
      list: async (folder) => within(folder).map((path) => path.slice(folder.length + 1)),
      // A copy: a reader may take it for its own.
      read: async (path) => (files.has(path) ? Uint8Array.from(files.get(path) ?? []) : null),
      async write(path, bytes) {
        alive();
        files.set(path, Buffer.from(bytes));
      },
      sync: async () => alive(),
      async rename(from, to) {
        alive();
        files.set(to, files.get(from) ?? Buffer.alloc(0));
        files.delete(from);
      },
      async remove(path) {
        alive();
        files.delete(path);
      },
      syncFolder: async () => alive(),
      async open(path) {
        alive();
        if (!files.has(path)) files.set(path, Buffer.alloc(0));
        return openFile(files, path, alive, onAppend);
      },
    };
  }
}

function openFile(files: Map<string, Buffer>, path: string, alive: () => void, onAppend: OnAppend): DiskFile {
  const content = () => files.get(path) ?? Buffer.alloc(0);
  const writeNow = (bytes: Uint8Array, at: number) => {
    alive();
    if (path.startsWith('journal/')) onAppend(factsIn(bytes));
    const before = content();
    const after = Buffer.alloc(Math.max(before.byteLength, at + bytes.byteLength));
    before.copy(after);
    after.set(bytes, at);
    files.set(path, after);
  };
  return {
    length: content().byteLength,
    writeNow,
    write: async (bytes, at) => writeNow(bytes, at),
    async read(into, at) {
      const bytes = content().subarray(at, at + into.byteLength);
      into.set(bytes);
      return bytes.byteLength;
    },
    truncateNow(length) {
      alive();
      files.set(path, content().subarray(0, length));
    },
    sync: async () => alive(),
    syncNow: alive,
    close: async () => undefined,
  };
}

/** Headers and sync marks are no facts. */
const factsIn = (bytes: Uint8Array): number =>
  Buffer.from(bytes)
    .toString()
    .split('\n')
    .filter((line) => /^[0-9a-f]{16} \{"(seq|more)":/.test(line)).length;
