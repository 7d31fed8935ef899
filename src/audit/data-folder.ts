import { type FileHandle, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Entry } from '../domain/facts.ts';
import { journalFolder } from '../storage/journal-format.ts';
import { readJournal } from '../storage/journal-reader.ts';
import { openNodeDisk } from '../storage/node-disk.ts';

/** It is no data folder, or has no history to look at. */
export class NoHistory extends Error {
  override name = 'NoHistory';
}

/** A data folder that is only read: its server may be running, and the folder may be a backup that nobody may write to. */
export interface DataFolder {
  /** Every fact since the beginning. An end that is not whole is left out, and noted. @throws {JournalDamaged} */
  entries(onNote?: (sentence: string) => void): AsyncIterable<Entry>;
  /** Names and bytes of the files in one of its folders. */
  files(folder: string): Promise<Map<string, number>>;
  /** @returns null when there is no such file. The caller closes it. */
  open(path: string): Promise<FolderFile | null>;
}

/** A file that is read in pieces. */
export interface FolderFile {
  readonly bytes: number;
  /** Fills `into` from an offset. @returns bytes read; fewer when the file ends. */
  read(into: Uint8Array, at: number): Promise<number>;
  close(): Promise<void>;
}

/** Whether a server has worked in the folder. */
export const hasHistory = async (dir: string): Promise<boolean> =>
  (await openNodeDisk(dir).list(journalFolder)).length > 0;

/** @throws {NoHistory} with a sentence that says what to do. */
export async function openDataFolder(dir: string): Promise<DataFolder> {
  const disk = openNodeDisk(dir);
  const isFolder = await stat(dir).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) throw new NoHistory(`There is no folder ${dir}; give the data folder of a server (its --data-dir).`);
  if (!(await hasHistory(dir))) {
    throw new NoHistory(
      `${dir} has no ${journalFolder} folder with anything in it, so it is no data folder of a server; give what its --data-dir is.`,
    );
  }
  return {
    entries: (onNote) => readJournal(disk, { all: true, ...(onNote ? { onNote } : {}) }),
    async files(folder) {
      const names = await disk.list(folder);
      const sizes = await Promise.all(
        names.map((name) =>
          stat(join(dir, folder, name)).then(
            ({ size }) => size,
            () => 0,
          ),
        ),
      );
      return new Map(names.map((name, index) => [name, sizes[index] ?? 0]));
    },
    async open(path) {
      const file = await open(join(dir, path), 'r').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return null;
        throw error;
      });
      return file && folderFile(file);
    },
  };
}

async function folderFile(file: FileHandle): Promise<FolderFile> {
  const { size: bytes } = await file.stat();
  return {
    bytes,
    async read(into, at) {
      let done = 0;
      while (done < into.byteLength) {
        const { bytesRead } = await file.read(into, done, into.byteLength - done, at + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return done;
    },
    close: () => file.close(),
  };
}
