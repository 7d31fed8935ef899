import { type RandomStream, seededRandom } from '../../src/domain/random.ts';
import { digitsCount } from './data.ts';
import type { LabelledImages } from './network.ts';
import { shuffle } from './trainer.ts';

/** How images are dealt to clients: two digits each, or all digits each. */
export const splits = ['two-digits', 'iid'] as const;
export type Split = (typeof splits)[number];

export interface SplitOptions {
  split: Split;
  clients: number;
  /** Most images a client gets; with many clients, there are fewer. */
  imagesPerClient: number;
  /** The same seed, the same split. */
  seed: number;
}

/**
 * Deals images to clients; no image goes to two of them.
 * - `iid`: each client gets as many, drawn at random from all.
 * - `two-digits` (after McMahan et al. 2017, section 3): sorted by digit, cut into two shards per client, each shard of
 *   one digit, and dealt so that every client has exactly two digits. Fewer than five clients leave digits out.
 * @returns the images' numbers, client by client.
 */
export function splitImages(
  labels: Uint8Array,
  { split, clients, imagesPerClient, seed }: SplitOptions,
): Uint32Array[] {
  const random = seededRandom(seed);
  const shuffled = Uint32Array.from(labels.keys());
  shuffle(shuffled, random);
  if (split === 'two-digits') return dealTwoDigits(labels, shuffled, { clients, imagesPerClient, random });
  const size = Math.min(imagesPerClient, Math.floor(shuffled.length / clients));
  return Array.from({ length: clients }, (_, client) => shuffled.slice(client * size, (client + 1) * size));
}

interface Deal {
  clients: number;
  imagesPerClient: number;
  random: RandomStream;
}

function dealTwoDigits(
  labels: Uint8Array,
  shuffled: Uint32Array,
  { clients, imagesPerClient, random }: Deal,
): Uint32Array[] {
  const digits = Uint32Array.from({ length: digitsCount }, (_, digit) => digit);
  shuffle(digits, random);
  // Where the shards cannot be spread evenly over the digits, the first ones of a random order get one more.
  const piles = Array.from(digits, (digit, place) => {
    const images = shuffled.filter((image) => labels[image] === digit);
    const shards = Math.floor((2 * clients + digitsCount - 1 - place) / digitsCount);
    return {
      images,
      shards,
      size: Math.min(Math.floor(imagesPerClient / 2), Math.floor(images.length / Math.max(1, shards))),
    };
  });
  return Array.from({ length: clients }, () => {
    // Two piles of most shards, at random among equals: so no digit is left over that a client would get twice.
    shuffleInPlace(piles, random);
    piles.sort((a, b) => b.shards - a.shards);
    const shards = piles.slice(0, 2).map((pile) => {
      pile.shards -= 1;
      return pile.images.slice(pile.shards * pile.size, (pile.shards + 1) * pile.size);
    });
    return concatenate(shards);
  });
}

function shuffleInPlace<T>(items: T[], random: RandomStream): void {
  const order = Uint32Array.from(items.keys());
  shuffle(order, random);
  const shuffled = Array.from(order, (from) => items[from] as T);
  items.splice(0, items.length, ...shuffled);
}

function concatenate(parts: readonly Uint32Array[]): Uint32Array {
  return Uint32Array.from(parts.flatMap((part) => [...part]));
}

/** Copies the chosen images into shared memory, so that a thread is handed them without a copy of its own. */
export function takeImages({ pixels, labels }: LabelledImages, chosen: Uint32Array): LabelledImages {
  const imageBytes = pixels.length / labels.length;
  const taken: LabelledImages = {
    pixels: new Uint8Array(new SharedArrayBuffer(chosen.length * imageBytes)),
    labels: new Uint8Array(new SharedArrayBuffer(chosen.length)),
  };
  for (const [place, image] of chosen.entries()) {
    taken.pixels.set(pixels.subarray(image * imageBytes, (image + 1) * imageBytes), place * imageBytes);
    taken.labels[place] = labels[image] ?? 0;
  }
  return taken;
}
