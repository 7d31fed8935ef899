import type { Combination, Measurement } from '../src/strategies/strategy.ts';
import { alternate, median, medianRatio } from './support/measure.ts';
import { Program } from './support/program.ts';
import { atLeast, type Benchmark, type Judgement, onlyReported, type Row } from './support/report.ts';

const sizes = {
  full: { parameters: 10_485_760, repeats: 5 },
  tiny: { parameters: 8_192, repeats: 2 },
};
const updates = 50;

const firstOf = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const medianOf = (count: number): Combination => ({
  kind: 'ordered',
  members: firstOf(count),
  from: Math.floor((count - 1) / 2),
  to: Math.floor(count / 2) + 1,
});
const trimmedOf = (count: number): Combination => ({
  kind: 'ordered',
  members: firstOf(count),
  from: Math.ceil(count / 10),
  to: count - Math.ceil(count / 10),
});

interface Kernel {
  what: string;
  count: number;
  task: { combination: Combination } | { measurement: Measurement };
  judge?: (ratio: number) => Judgement;
}

const byzantineMax = 5;
const wanted = (ratio: number) => atLeast(0.25, ratio);
const everyone = firstOf(updates).map(() => 1);
const kernels: Readonly<Record<string, Kernel>> = {
  median50: { what: 'Median of 50', count: 50, task: { combination: medianOf(50) }, judge: wanted },
  trimmed50: {
    what: 'Trimmed mean of 50, 5 at each end',
    count: 50,
    task: { combination: trimmedOf(50) },
    judge: wanted,
  },
  median20: { what: 'Median of 20', count: 20, task: { combination: medianOf(20) }, judge: wanted },
  trimmed20: {
    what: 'Trimmed mean of 20, 2 at each end',
    count: 20,
    task: { combination: trimmedOf(20) },
    judge: wanted,
  },
  median10: { what: 'Median of 10', count: 10, task: { combination: medianOf(10) }, judge: wanted },
  trimmed10: {
    what: 'Trimmed mean of 10, 1 at each end',
    count: 10,
    task: { combination: trimmedOf(10) },
    judge: wanted,
  },
  around: {
    what: 'Bulyan, mean around the median: 30 of 40, of 50',
    count: updates - 2 * byzantineMax,
    task: {
      combination: {
        kind: 'aroundMedian',
        members: firstOf(updates - 2 * byzantineMax),
        keep: updates - 4 * byzantineMax,
      },
    },
  },
  pairwise50: { what: 'Krum and Bulyan, distances of 50', count: 50, task: { measurement: { kind: 'pairwise' } } },
  pairwise10: { what: 'Krum and Bulyan, distances of 10', count: 10, task: { measurement: { kind: 'pairwise' } } },
  spread: {
    what: 'Geometric median, one iteration over 50',
    count: 50,
    task: { measurement: { kind: 'spread', weights: everyone } },
  },
  weighted: {
    what: 'Weighted mean of 50, tile by tile',
    count: 50,
    task: { combination: { kind: 'weighted', weights: everyone } },
  },
};

export const benchmark: Benchmark = {
  name: 'robust',
  question: 'How fast are strategies that need all updates at once?',
  method:
    'F32 updates of 40 MiB each in shared memory, on one thread, tile by tile as the server reads them, by the compiled ' +
    'kernels. Rates are of the bytes read. The reference copies as many bytes as 50 updates have in the same process ' +
    '(`TypedArray.set` between private arrays, which is memmove).',
  async run(size) {
    const { parameters, repeats } = sizes[size];
    return Program.with(async (start) => {
      const program = await start('robust', { parameters, updates });
      const trials = Object.entries(kernels).map(([name, { count, task }]) => {
        const command = 'combination' in task ? 'combine' : 'measure';
        return [name, () => program.ask<number>(command, { count, ...task })] as const;
      });
      const { memcpy = [], ...rates } = await alternate<string>(
        { memcpy: () => program.ask<number>('memcpy'), ...Object.fromEntries(trials) },
        repeats,
      );
      return Object.entries(kernels).map(([name, { what, judge }]): Row => {
        const ours = rates[name] ?? [];
        const ratio = medianRatio(ours, memcpy);
        return {
          what,
          against: 'memcpy of as many bytes',
          ours: `${median(ours).toFixed(2)} GB/s`,
          reference: `${median(memcpy).toFixed(2)} GB/s`,
          ratio,
          ...(judge?.(ratio) ?? onlyReported),
        };
      });
    });
  },
};
