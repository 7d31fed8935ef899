import { alternate } from './support/measure.ts';
import { Program } from './support/program.ts';
import { atLeast, type Benchmark, type Judgement, onlyReported, type Row } from './support/report.ts';
import { speedRow } from './support/speed-row.ts';

const sizes = { full: { parameters: 16_777_216, repeats: 11 }, tiny: { parameters: 65_536, repeats: 2 } };

export const benchmark: Benchmark = {
  name: 'check',
  question: 'What does it cost to look at every value before it counts?',
  method:
    'Whether all values are finite, over the updates of the fold benchmark, on one thread. The server checks values ' +
    'piece by piece right after it hashed them, while they are in cache: the first row is its own code for this ' +
    '(`Inspection`) against hashing the same pieces and nothing else, the second the same where the plan bounds their ' +
    'L2 norm. The other rows do what the server does not do, against the fold alone: check in the loop that folds ' +
    '(`kernels/fused.ts`), or tile by tile right before folding.',
  async run(size) {
    const { parameters, repeats } = sizes[size];
    return Program.with(async (start) => {
      const kernels = await start('kernels', { parameters });
      const bytes = await kernels.ask<number>('bytes');
      const commands = [
        'hash',
        'inspect',
        'inspectWithNorm',
        'foldTogether',
        'foldAndCheckInOnePass',
        'checkAndFoldTogether',
        'foldOneByOne',
        'checkAndFoldOneByOne',
      ];
      const trials = Object.fromEntries(commands.map((command) => [command, () => kernels.ask<number>(command)]));
      const results = await alternate(trials, repeats);
      const row = (what: string, with_: string, without: string, against: string, judge: typeof wanted): Row =>
        speedRow({ what, against, bytes, ours: results[with_], reference: results[without] }, judge);
      return [
        row('Check with the hash (what the server does)', 'inspect', 'hash', 'the hash alone', wanted),
        row('The same, and the norm', 'inspectWithNorm', 'hash', 'the hash alone', reported),
        row(
          'Check in the fold’s own loop, four updates in one pass',
          'foldAndCheckInOnePass',
          'foldTogether',
          alone,
          wanted,
        ),
        row('Check before the fold, four updates in one pass', 'checkAndFoldTogether', 'foldTogether', alone, reported),
        row('Check before the fold, one update after another', 'checkAndFoldOneByOne', 'foldOneByOne', alone, reported),
      ];
    });
  },
};

const alone = 'the fold alone';
const reported = (): Judgement => onlyReported;
const wanted = (ratio: number): Judgement => atLeast(0.9, ratio);
