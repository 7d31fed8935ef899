import type { Disk, DiskFile } from '../../../src/storage/disk.ts';

/** What is asked of a disk; `path` is the file or folder. */
export interface Operation {
  kind: keyof Disk | 'writeNow' | 'truncate';
  path: string;
}

/** What happens instead. `bytes`: so many bytes of a write are written first. */
export interface Fault {
  code: string;
  bytes?: number;
}

export type Decide = (operation: Operation) => Fault | null;

export const systemError = (code: string): NodeJS.ErrnoException => Object.assign(new Error(code), { code });

/** A disk that does what another does, but for the faults that are decided on, each time, by `decide`. */
export function faultyDisk(disk: Disk, decide: Decide): Disk {
  const guard = <T>(kind: Operation['kind'], path: string, act: () => Promise<T>): Promise<T> => {
    const fault = decide({ kind, path });
    return fault ? Promise.reject(systemError(fault.code)) : act();
  };
  return {
    makeFolder: (folder) => guard('makeFolder', folder, () => disk.makeFolder(folder)),
    list: (folder) => guard('list', folder, () => disk.list(folder)),
    read: (path) => guard('read', path, () => disk.read(path)),
    sync: (path) => guard('sync', path, () => disk.sync(path)),
    rename: (from, to) => guard('rename', to, () => disk.rename(from, to)),
    remove: (path) => guard('remove', path, () => disk.remove(path)),
    syncFolder: (folder) => guard('syncFolder', folder, () => disk.syncFolder(folder)),
    open: (path) => guard('open', path, async () => faultyFile(await disk.open(path), path, decide)),
    async write(path, bytes) {
      const fault = decide({ kind: 'write', path });
      if (fault?.bytes !== undefined) await disk.write(path, bytes.slice(0, fault.bytes));
      if (fault) throw systemError(fault.code);
      await disk.write(path, bytes);
    },
  };
}

function faultyFile(file: DiskFile, path: string, decide: Decide): DiskFile {
  const check = (kind: Operation['kind']) => {
    const fault = decide({ kind, path });
    if (fault) throw systemError(fault.code);
  };
  return {
    length: file.length,
    writeNow(bytes, at) {
      const fault = decide({ kind: 'writeNow', path });
      if (fault?.bytes !== undefined) file.writeNow(bytes.slice(0, fault.bytes), at);
      if (fault) throw systemError(fault.code);
      file.writeNow(bytes, at);
    },
    async write(bytes, at) {
      const fault = decide({ kind: 'write', path });
      if (fault?.bytes !== undefined) await file.write(bytes.slice(0, fault.bytes), at);
      if (fault) throw systemError(fault.code);
      await file.write(bytes, at);
    },
    async read(into, at) {
      check('read');
      return file.read(into, at);
    },
    truncateNow(length) {
      check('truncate');
      file.truncateNow(length);
    },
    async sync() {
      check('sync');
      await file.sync();
    },
    syncNow() {
      check('sync');
      file.syncNow();
    },
    close: () => file.close(),
  };
}

/**
 * A disk whose process is killed at its operation number `at` (from 0): that one and all later ones fail.
 * @param torn bytes of that operation, when it is a write, that are written all the same.
 */
export function killedDisk(disk: Disk, at: number, torn = 0): { disk: Disk; isKilled: () => boolean } {
  let count = 0;
  const decide: Decide = () => {
    count += 1;
    if (count <= at) return null;
    return count === at + 1 ? { code: 'KILLED', bytes: torn } : { code: 'KILLED' };
  };
  return { disk: faultyDisk(disk, decide), isKilled: () => count > at };
}
