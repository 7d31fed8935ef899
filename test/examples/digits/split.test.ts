import { describe, expect, it } from 'vitest';
import { type Split, splitImages, takeImages } from '../../../examples/digits/split.ts';

/** A hundred images of each digit, in turns. */
const labels = Uint8Array.from({ length: 1_000 }, (_, image) => image % 10);
const deal = (split: Split, clients: number, imagesPerClient = 20, seed = 1) =>
  splitImages(labels, { split, clients, imagesPerClient, seed });
const digitsOf = (images: Uint32Array) => new Set([...images].map((image) => labels[image]));

describe('the two-digit split', () => {
  it.each([1, 2, 3, 5, 7, 10, 20, 33])(
    'gives each of %i clients half of its images from each of two digits',
    (clients) => {
      for (let seed = 1; seed <= 5; seed += 1) {
        const shards = deal('two-digits', clients, 6, seed);
        expect(shards).toHaveLength(clients);
        for (const shard of shards) {
          expect(shard).toHaveLength(6);
          const [digit] = digitsOf(shard);
          expect(digitsOf(shard).size).toBe(2);
          expect([...shard].filter((image) => labels[image] === digit)).toHaveLength(3);
        }
      }
    },
  );

  it('has every digit with four of twenty clients', () => {
    const shards = deal('two-digits', 20);
    for (let digit = 0; digit < 10; digit += 1) {
      expect(shards.filter((shard) => digitsOf(shard).has(digit))).toHaveLength(4);
    }
  });

  it('leaves digits out only where there are fewer shards than digits', () => {
    const digits = (clients: number) => new Set(deal('two-digits', clients).flatMap((shard) => [...digitsOf(shard)]));
    expect(digits(4).size).toBe(8);
    expect(digits(5).size).toBe(10);
  });

  it('pairs digits in more ways than one', () => {
    const pairs = deal('two-digits', 20).map((shard) => [...digitsOf(shard)].sort().join(' and '));
    expect(new Set(pairs).size).toBeGreaterThan(5);
  });

  it('deals out every image when clients may take as many', () => {
    const shards = deal('two-digits', 20, 50);
    expect(new Set(shards.flatMap((shard) => [...shard])).size).toBe(1_000);
  });

  it('gives less to each when there is not enough for all', () => {
    const shards = deal('two-digits', 40, 50);
    expect(shards.map((shard) => shard.length)).toEqual(Array.from({ length: 40 }, () => 24));
  });
});

describe('the IID split', () => {
  it('gives each client as many images, and nearly all digits', () => {
    const shards = deal('iid', 10, 50);
    for (const shard of shards) {
      expect(shard).toHaveLength(50);
      expect(digitsOf(shard).size).toBeGreaterThan(8);
    }
  });

  it('gives less to each when there is not enough for all', () => {
    expect(deal('iid', 30, 50).map((shard) => shard.length)).toEqual(Array.from({ length: 30 }, () => 33));
  });
});

describe.each<Split>(['two-digits', 'iid'])('the %s split', (split) => {
  it.each([1, 7, 20])('gives no image to two of %i clients', (clients) => {
    const dealt = deal(split, clients).flatMap((shard) => [...shard]);
    expect(new Set(dealt).size).toBe(dealt.length);
    expect(dealt.every((image) => image < labels.length)).toBe(true);
  });

  it('is the same for the same seed, and another for another', () => {
    expect(deal(split, 10, 20, 7)).toEqual(deal(split, 10, 20, 7));
    expect(deal(split, 10, 20, 7)).not.toEqual(deal(split, 10, 20, 8));
  });
});

it('takes the chosen images with their labels into shared memory', () => {
  const pixels = Uint8Array.of(10, 11, 20, 21, 30, 31);
  const taken = takeImages({ pixels, labels: Uint8Array.of(1, 2, 3) }, Uint32Array.of(2, 0));
  expect([...taken.pixels]).toEqual([30, 31, 10, 11]);
  expect([...taken.labels]).toEqual([3, 1]);
  expect(taken.pixels.buffer).toBeInstanceOf(SharedArrayBuffer);
});
