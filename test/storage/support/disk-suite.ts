import { describe, expect, it } from 'vitest';
import type { Disk } from '../../../src/storage/disk.ts';

const bytesOf = (...values: number[]) => Uint8Array.from(values);

/** What every disk does. @param open gives an empty one. */
export function describeDisk(name: string, open: () => Disk | Promise<Disk>): void {
  describe(`a disk: ${name}`, () => {
    it('reads what was written, whole and anew', async () => {
      const disk = await open();
      await disk.makeFolder('some/where');
      await disk.write('some/where/file', bytesOf(1, 2, 3));
      await disk.write('some/where/file', bytesOf(4));
      await disk.sync('some/where/file');
      expect([...((await disk.read('some/where/file')) ?? [])]).toEqual([4]);
    });

    it('has nothing where there is nothing', async () => {
      const disk = await open();
      expect(await disk.read('no/file')).toBeNull();
      expect(await disk.list('no-folder')).toEqual([]);
      await disk.remove('no-file');
      await disk.makeFolder('folder');
      await disk.makeFolder('folder');
      expect(await disk.list('folder')).toEqual([]);
      await expect(disk.sync('folder/file')).rejects.toMatchObject({ code: 'ENOENT' });
      await expect(disk.rename('folder/file', 'folder/other')).rejects.toMatchObject({ code: 'ENOENT' });
    });

    it('lists, renames over what is there, and removes', async () => {
      const disk = await open();
      await disk.makeFolder('f');
      for (const file of ['a', 'b', 'c']) await disk.write(`f/${file}`, Buffer.from(file));
      await disk.rename('f/a', 'f/b');
      await disk.remove('f/c');
      await disk.syncFolder('f');
      expect(await disk.list('f')).toEqual(['b']);
      expect(Buffer.from((await disk.read('f/b')) ?? []).toString()).toBe('a');
    });

    it('writes at offsets, one beside the other, from shared memory, and reads them back', async () => {
      const disk = await open();
      await disk.makeFolder('f');
      const file = await disk.open('f/file');
      expect(file.length).toBe(0);
      const shared = new Uint8Array(new SharedArrayBuffer(8)).fill(7);
      await Promise.all([file.write(shared.subarray(2, 4), 4), file.write(bytesOf(1, 2), 0)]);
      file.writeNow(bytesOf(9), 6);
      await file.sync();
      file.syncNow();
      const into = new Uint8Array(new SharedArrayBuffer(7));
      expect(await file.read(into, 0)).toBe(7);
      expect([...into]).toEqual([1, 2, 0, 0, 7, 7, 9]);
      await file.close();
    });

    it('says when a file ends before what was asked for', async () => {
      const disk = await open();
      await disk.makeFolder('f');
      const file = await disk.open('f/file');
      file.writeNow(bytesOf(1, 2, 3), 0);
      file.truncateNow(2);
      expect(await file.read(new Uint8Array(4), 1)).toBe(1);
      expect(await file.read(new Uint8Array(4), 9)).toBe(0);
      await file.close();
      const again = await disk.open('f/file');
      expect(again.length).toBe(2);
      await again.close();
    });
  });
}
