import type { Tensors } from '../../src/domain/model.ts';
import { type RandomStream, seededRandom } from '../../src/domain/random.ts';
import { digitsCount } from '../digits/data.ts';
import type { LabelledImages } from '../digits/network.ts';
import { shuffle } from '../digits/trainer.ts';

/** What a hostile client does. */
export interface Attack {
  /** To its images, before it trains. */
  images?: (images: LabelledImages) => LabelledImages;
  /** To its update, after it has trained. */
  upload?: (honest: Tensors, global: Tensors, random: RandomStream) => Tensors;
}

/** How much longer than an honest update a flipped one is; as Li et al. 2019, arXiv 1811.03761, have it. */
const flipLength = 4;
/** Standard deviation of what is added to each weight. */
const noiseDeviation = 1;

const changed = (tensors: Tensors, change: (name: string, index: number, value: number) => number): Tensors =>
  Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => {
      return [name, { ...tensor, data: tensor.data.map((value, index) => change(name, index, value)) }];
    }),
  );

/** Away from where the client would have gone. */
const flip: NonNullable<Attack['upload']> = (honest, global) =>
  changed(honest, (name, index, value) => {
    const from = global[name]?.data[index] ?? 0;
    return from - flipLength * (value - from);
  });

export const attacks = {
  none: {},
  'sign-flip': { upload: flip },
  noise: {
    upload: (honest, _, random) => changed(honest, (_name, _index, value) => value + noiseDeviation * gaussian(random)),
  },
  'label-flip': {
    images: ({ pixels, labels }) => ({ pixels, labels: labels.map((label) => digitsCount - 1 - label) }),
  },
} as const satisfies Record<string, Attack>;
export type AttackName = keyof typeof attacks;

/** The numbers of those who attack: this share of all, drawn from the seed. */
export function attackersAmong(clients: number, share: number, seed: number): ReadonlySet<number> {
  const order = Uint32Array.from({ length: clients }, (_, client) => client);
  shuffle(order, seededRandom(seed ^ 0xbad));
  return new Set(order.subarray(0, Math.round(share * clients)));
}

/** Box and Muller. */
export function gaussian(random: RandomStream): number {
  const unit = () => (random.uint32() + 0.5) / 2 ** 32;
  return Math.sqrt(-2 * Math.log(unit())) * Math.cos(2 * Math.PI * unit());
}
