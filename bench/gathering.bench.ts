import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from './support/measure.ts';
import { Program } from './support/program.ts';
import { atMost, type Benchmark, megabytes, type Row } from './support/report.ts';
import { patientPlan, uploadRound } from './support/tickets.ts';

const sizes = {
  full: { cohort: 50, megabytes: 40, repeats: 1 },
  tiny: { cohort: 6, megabytes: 0.1, repeats: 1 },
};
/** Models that the staging memory holds. */
const staged = 8;

const strategies = ['fedmedian', 'trimmed-mean', 'multi-krum', 'rfa'] as const;

interface Memory {
  rss: number;
  peak: number;
}

/** @returns bytes that a round added to what the server held before it, at the peak. */
async function addedBy(
  strategy: string,
  cohort: number,
  parameters: number,
): Promise<{ added: number; bytes: number }> {
  const dir = await mkdtemp(join(tmpdir(), 'chorus-bench-'));
  try {
    return await Program.with(async (start) => {
      const load = await start('load');
      const bytes = await load.ask<number>('model', { parameters });
      const plan = { ...patientPlan, minClients: cohort, strategy };
      const server = await start('chorus-server', { plan, storage: { dir }, stagingBytesMax: staged * bytes });
      const { rss } = await server.ask<Memory>('memory');
      await server.ask('register', { count: cohort });
      await uploadRound(server, load, bytes);
      const { peak } = await server.ask<Memory>('memory');
      return { added: peak - rss, bytes };
    });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

export const benchmark: Benchmark = {
  name: 'gathering',
  question: 'Does a strategy that needs all updates at once hold them all?',
  method:
    'One round in a fresh server process that keeps its data in a folder, all clients uploading at once, with staging ' +
    'memory for eight updates; the strategy then reads the updates from the disk. Added to the resident set before the ' +
    'round, at the peak, against the bound by arithmetic: the accumulator in float64, which is two models, and eight models ' +
    'of staging memory.',
  async run(size) {
    const { cohort, megabytes: updateMegabytes, repeats } = sizes[size];
    const parameters = Math.round((updateMegabytes * 1e6) / 4);
    const rows: Row[] = [];
    for (const strategy of strategies) {
      const added: number[] = [];
      let bound = 0;
      for (let repeat = 0; repeat < repeats; repeat += 1) {
        const result = await addedBy(strategy, cohort, parameters);
        added.push(result.added);
        bound = (2 + staged) * result.bytes;
      }
      const ratio = median(added) / bound;
      rows.push({
        what: `Memory added by a round of ${cohort} × ${updateMegabytes} MB, ${strategy}`,
        against: `accumulator + ${staged} × model`,
        ours: megabytes(median(added)),
        reference: megabytes(bound),
        ratio,
        ...atMost(1, ratio),
      });
    }
    return rows;
  },
};
