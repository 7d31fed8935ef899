import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { benchmarkNames, loadBenchmark } from '../../bench/support/benchmarks.ts';

/** Some start five programs, and one compiles a kernel. */
const tinyMsMax = 120_000;

describe('benchmarks', () => {
  it('are all listed', async () => {
    const files = await readdir(new URL('../../bench/', import.meta.url));
    const benchmarks = files.filter((file) => file.endsWith('.bench.ts')).map((file) => file.replace('.bench.ts', ''));
    expect(benchmarks.sort()).toEqual([...benchmarkNames].sort());
  });

  // Time decides nothing here: only that each still runs, and measures something.
  it.each(benchmarkNames)(
    '%s works in a tiny size',
    async (name) => {
      const benchmark = await loadBenchmark(name);
      expect(benchmark.name).toBe(name);
      const rows = await benchmark.run('tiny');
      expect(rows.length).toBeGreaterThan(0);
      for (const { what, against, ours, reference, ratio, margin, wanted } of rows) {
        expect(ours, what).toMatch(/\d/);
        expect(`${ours}${reference}`, what).not.toMatch(/NaN|Infinity/);
        expect(against === '', what).toBe(reference === '');
        if (ratio !== null) expect(ratio, what).toBeGreaterThan(0);
        expect(margin === null, what).toBe(wanted === '');
        if (margin !== null) expect(margin, what).not.toBeNaN();
      }
    },
    tinyMsMax,
  );
});
