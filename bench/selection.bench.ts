import { alternate, median, medianRatio } from './support/measure.ts';
import { Program } from './support/program.ts';
import { atMost, type Benchmark, milliseconds } from './support/report.ts';

const sizes = {
  full: { many: 1_000_000, few: 10_000, cohort: 1_000, repeats: 201 },
  tiny: { many: 1_000, few: 100, cohort: 10, repeats: 3 },
};

export const benchmark: Benchmark = {
  name: 'selection',
  question: 'Does it take longer to select a cohort out of more clients?',
  method:
    'Two coordinators in one process, taking turns. Time from the question to the selection policy until every ' +
    'client of the cohort is marked as selected and entered in the round’s record. The reference is the smaller one.',
  async run(size) {
    const { many, few, cohort, repeats } = sizes[size];
    return Program.with(async (start) => {
      const selection = await start('selection', { cohort, populations: { many, few } });
      const results = await alternate(
        {
          few: () => selection.ask<number>('select', { name: 'few' }),
          many: () => selection.ask<number>('select', { name: 'many' }),
        },
        repeats,
      );
      const ratio = medianRatio(results.many, results.few);
      const [cohortText, manyText, fewText] = [cohort, many, few].map((count) => count.toLocaleString('en'));
      return [
        {
          what: `Select ${cohortText} of ${manyText}`,
          against: `${cohortText} of ${fewText}`,
          ours: milliseconds(median(results.many)),
          reference: milliseconds(median(results.few)),
          ratio,
          ...atMost(1.5, ratio),
        },
      ];
    });
  },
};
