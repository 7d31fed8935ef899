import type { DataFolder } from '../../../src/audit/data-folder.ts';
import { readJournal } from '../../../src/storage/journal-reader.ts';
import type { MemoryDisk } from '../../history/support/memory-disk.ts';

/** A data folder on a disk in memory. */
export function memoryFolder(disk: MemoryDisk): DataFolder {
  const face = disk.faceFor(new AbortController().signal);
  return {
    entries: (onNote) => readJournal(face, { all: true, ...(onNote ? { onNote } : {}) }),
    async files(folder) {
      const names = await face.list(folder);
      return new Map(names.map((name) => [name, disk.files.get(`${folder}/${name}`)?.byteLength ?? 0]));
    },
    async open(path) {
      const bytes = disk.files.get(path);
      return bytes ? { bytes: bytes.byteLength, ...(await face.open(path)) } : null;
    },
  };
}
