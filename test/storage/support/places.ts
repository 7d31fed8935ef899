import type { Disk } from '../../../src/storage/disk.ts';
import { openNodeDisk } from '../../../src/storage/node-disk.ts';
import { folderForTest } from '../../support/folder.ts';
import { PowerDisk } from './power-disk.ts';

/** Where the stores are tried. Each test gets an empty disk. */
export const places: [name: string, disk: () => Disk][] = [
  ['a real folder', () => openNodeDisk(folderForTest())],
  ['a disk in memory', () => new PowerDisk()],
];
