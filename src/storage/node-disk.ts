import { constants, fdatasyncSync, ftruncateSync, writeSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Disk, DiskFile } from './disk.ts';

/** What one system call is given: more is not taken by every system. */
const bytesPerCallMax = 2 ** 30;
const folderMode = 0o700;
const fileMode = 0o600;

/** A folder of this machine. Folders and files that it makes are their owner's alone. The folder itself need not be there yet. */
export function openNodeDisk(dir: string): Disk {
  const at = (path: string) => join(dir, path);
  return {
    async makeFolder(folder) {
      const first = await mkdir(at(folder), { recursive: true, mode: folderMode });
      // A new folder's name is kept by the one above it.
      if (first !== undefined) await syncFolders(at(folder), dirname(first));
    },
    list: (folder) => orWhenMissing(readdir(at(folder)), []),
    read: (path) => orWhenMissing(readWhole(at(path)), null),
    async write(path, bytes) {
      const file = await open(at(path), 'w', fileMode);
      try {
        await writeAll(file, bytes, 0);
      } finally {
        await file.close();
      }
    },
    async sync(path) {
      const file = await open(at(path), 'r+');
      try {
        await file.datasync();
      } finally {
        await file.close();
      }
    },
    rename: (from, to) => rename(at(from), at(to)),
    remove: (path) => rm(at(path), { force: true }),
    syncFolder: (folder) => syncOne(at(folder)),
    open: async (path) => openFile(await open(at(path), constants.O_RDWR | constants.O_CREAT, fileMode)),
  };
}

async function openFile(file: FileHandle): Promise<DiskFile> {
  const { size: length } = await file.stat();
  return {
    length,
    writeNow(bytes, at) {
      for (let done = 0; done < bytes.byteLength; ) {
        done += writeSync(file.fd, bytes, done, Math.min(bytes.byteLength - done, bytesPerCallMax), at + done);
      }
    },
    write: (bytes, at) => writeAll(file, bytes, at),
    read: (into, at) => readAll(file, into, at),
    truncateNow: (length) => ftruncateSync(file.fd, length),
    sync: () => file.datasync(),
    syncNow: () => fdatasyncSync(file.fd),
    close: () => file.close(),
  };
}

async function writeAll(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const length = Math.min(bytes.byteLength - done, bytesPerCallMax);
    done += (await file.write(bytes, done, length, at + done)).bytesWritten;
  }
}

/** @returns bytes read; fewer than asked for when the file ends. */
async function readAll(file: FileHandle, into: Uint8Array, at: number): Promise<number> {
  let done = 0;
  while (done < into.byteLength) {
    const length = Math.min(into.byteLength - done, bytesPerCallMax);
    const { bytesRead } = await file.read(into, done, length, at + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/** Into shared memory: a model read from the disk is served by several threads, without a copy. */
async function readWhole(path: string): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const bytes = new Uint8Array(new SharedArrayBuffer(size));
    return bytes.subarray(0, await readAll(file, bytes, 0));
  } finally {
    await file.close();
  }
}

/** Syncs the folders above `lowest`, up to `topmost`. */
async function syncFolders(lowest: string, topmost: string): Promise<void> {
  for (let folder = lowest; folder !== topmost; ) {
    folder = dirname(folder);
    await syncOne(folder);
  }
}

async function syncOne(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function orWhenMissing<T, U>(outcome: Promise<T>, otherwise: U): Promise<T | U> {
  try {
    return await outcome;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return otherwise;
    throw error;
  }
}
