import { describe, expect, it } from 'vitest';
import { staleFiles } from '../../bench/readme.ts';
import type { Result } from '../../bench/support/report.ts';
import { withResults } from '../../bench/support/results-text.ts';
import { summaryChart } from '../../bench/support/summary-chart.ts';

const result: Result = {
  name: 'speed',
  question: 'How fast?',
  method: 'By a clock.',
  measuredAt: '2030-01-02T03:04:05.000Z',
  machine: { cpu: 'abacus', cores: 2, memoryGiB: 1, platform: 'linux x64', loadAverage: 0.1 },
  versions: { node: '20.20.0', chorus: '1.0.0' },
  rows: [
    {
      what: 'A & B',
      against: 'C',
      ours: '1/s',
      reference: '2/s',
      ratio: 0.5,
      wanted: '≥ 1 ×',
      margin: 0.5,
      isMet: false,
    },
    { what: 'D', against: '', ours: '3 s', reference: '', ratio: null, wanted: '', margin: null, isMet: null },
  ],
};

describe('the benchmarks’ README and chart', () => {
  it('say what the results say: else run "npm run bench:readme"', async () => {
    expect((await staleFiles()).map(({ file }) => file.pathname)).toEqual([]);
  });

  it('hold a table for each result, and keep what stands around them', () => {
    const readme = 'before\n<!-- results: written by `npm run bench:readme` -->\nold\n<!-- end of results -->\nafter\n';
    const text = withResults(readme, [result]);
    expect(text).toContain('| A & B | C | 1/s | 2/s | 0.50 × | ≥ 1 × | **not met** |');
    expect(text).toContain('| D |  | 3 s |  |  |  |  |');
    expect(text.startsWith('before\n') && text.endsWith('after\n')).toBe(true);
    expect(text).not.toContain('old');
    expect(withResults(text, [result])).toBe(text);
  });

  it('draw a bar for each target, and none for what is only reported', () => {
    const chart = summaryChart([result]);
    expect(chart.match(/<rect class="(met|short)"/g)).toEqual(['<rect class="short"']);
    expect(chart).toContain('A &amp; B');
    expect(chart).not.toContain('>D<');
  });
});
