import { alternate } from './support/measure.ts';
import { Program } from './support/program.ts';
import { atLeast, type Benchmark, type Judgement, onlyReported, type Row } from './support/report.ts';
import { speedRow } from './support/speed-row.ts';

const sizes = { full: { parameters: 16_777_216, repeats: 15 }, tiny: { parameters: 65_536, repeats: 2 } };

export const benchmark: Benchmark = {
  name: 'fold',
  question: 'How fast are updates added to the sum?',
  method:
    'Four F32 updates of 64 MiB each, more than any cache holds, into a float64 sum, on one thread, by the compiled ' +
    'kernels in shared memory. The reference copies the same bytes in the same process (`TypedArray.set` between ' +
    'private arrays, which is memmove). The server adds up to four updates that wait in one pass over the sum.',
  async run(size) {
    const { parameters, repeats } = sizes[size];
    return Program.with(async (start) => {
      const kernels = await start('kernels', { parameters });
      const bytes = await kernels.ask<number>('bytes');
      const { memcpy, together, oneByOne } = await alternate(
        {
          memcpy: () => kernels.ask<number>('memcpy'),
          together: () => kernels.ask<number>('foldTogether'),
          oneByOne: () => kernels.ask<number>('foldOneByOne'),
        },
        repeats,
      );
      const row = (what: string, ms: readonly number[], judge: (ratio: number) => Judgement): Row =>
        speedRow({ what, against: 'memcpy of the same bytes', bytes, ours: ms, reference: memcpy }, judge);
      return [
        row('Fold, four updates in one pass', together, (ratio) => atLeast(0.75, ratio)),
        row('Fold, one update after another', oneByOne, () => onlyReported),
      ];
    });
  },
};
