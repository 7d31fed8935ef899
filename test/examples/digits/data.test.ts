import { describe, expect, it } from 'vitest';
import { loadDigits, readIdx } from '../../../examples/digits/data.ts';

/** Two images of two by three pixels. */
const header = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3];
const values = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

describe('an IDX file', () => {
  it('is read into its dimensions and values', () => {
    const { dimensions, values: read } = readIdx(Uint8Array.of(...header, ...values), 3);
    expect(dimensions).toEqual([2, 2, 3]);
    expect([...read]).toEqual(values);
  });

  it('is read from the middle of a larger buffer', () => {
    const larger = Uint8Array.of(9, 9, ...header, ...values, 9);
    expect([...readIdx(larger.subarray(2, 2 + 28), 3).values]).toEqual(values);
  });

  it.each([
    ['of labels where images are wanted', [0, 0, 8, 1, ...header.slice(4), ...values], 'begins with 0x00000801'],
    ['of floats', [0, 0, 13, 3, ...header.slice(4), ...values], 'begins with 0x00000d03, not 0x00000803'],
    ['that is gzipped still', [0x1f, 0x8b, 8, 0, ...header.slice(4), ...values], 'begins with 0x1f8b0800'],
    ['that is empty', [], 'cut off: 0 bytes'],
    ['that ends in its header', header.slice(0, 15), 'cut off: 15 bytes'],
    ['that ends in its values', [...header, ...values.slice(1)], 'has 27 bytes; its header says 28'],
    ['that is longer than it says', [...header, ...values, 0], 'has 29 bytes; its header says 28'],
  ])('%s is refused', (_, bytes, message) => {
    expect(() => readIdx(Uint8Array.from(bytes), 3)).toThrow(message);
  });

  it('whose dimensions are huge is refused before anything is allocated', () => {
    const huge = [0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255];
    expect(() => readIdx(Uint8Array.from(huge), 3)).toThrow('has 16 bytes; its header says');
  });
});

describe('the handwritten digits', () => {
  it('are 60,000 to train on and 10,000 to test with, every digit among both', async () => {
    const { training, heldOut } = await loadDigits();
    expect(training.labels).toHaveLength(60_000);
    expect(training.pixels).toHaveLength(60_000 * 784);
    expect(heldOut.labels).toHaveLength(10_000);
    expect(heldOut.pixels).toHaveLength(10_000 * 784);
    expect(new Set(training.labels).size).toBe(10);
    expect(new Set(heldOut.labels).size).toBe(10);
  });
});
