import { alternate, median, medianRatio } from './support/measure.ts';
import { Program } from './support/program.ts';
import { atMost, type Benchmark, megabytes, onlyReported } from './support/report.ts';
import { patientPlan, uploadRound } from './support/tickets.ts';

const sizes = {
  full: { large: 256, small: 8, megabytes: 16, repeats: 3 },
  tiny: { large: 4, small: 2, megabytes: 0.1, repeats: 1 },
};

interface Memory {
  rss: number;
  peak: number;
}

/** A round in a fresh server with room for `staged` updates at once. */
async function measureRound(
  cohort: number,
  staged: number,
  parameters: number,
): Promise<{ before: number; peak: number }> {
  return Program.with(async (start) => {
    const load = await start('load');
    const bytes = await load.ask<number>('model', { parameters });
    const plan = { ...patientPlan, minClients: cohort };
    const server = await start('chorus-server', { plan, stagingBytesMax: staged * bytes });
    const { rss: before } = await server.ask<Memory>('memory');
    await server.ask('register', { count: cohort });
    await uploadRound(server, load, bytes);
    const { peak } = await server.ask<Memory>('memory');
    return { before, peak };
  });
}

export const benchmark: Benchmark = {
  name: 'memory',
  question: 'Does a larger cohort need more memory?',
  method:
    'One round in a fresh server process, all clients uploading at once, with staging memory for eight updates. Peak ' +
    'resident set of the whole process, with its threads, as the system counts it. What does not fit waits in the ' +
    'sockets; clients that are told to come back do so.',
  async run(size) {
    const { large, small, megabytes: updateMegabytes, repeats } = sizes[size];
    const parameters = Math.round((updateMegabytes * 1e6) / 4);
    const added = { small: [] as number[], large: [] as number[] };
    const trial = (name: 'small' | 'large', cohort: number) => async () => {
      const { before, peak } = await measureRound(cohort, small, parameters);
      added[name].push(peak - before);
      return peak;
    };
    // Each has a process of its own: there is nothing to warm up.
    const results = await alternate({ small: trial('small', small), large: trial('large', large) }, repeats, 0);
    const ratio = medianRatio(results.large, results.small);
    return [
      {
        what: `Peak memory, cohort of ${large} × ${updateMegabytes} MB`,
        against: `cohort of ${small} × ${updateMegabytes} MB`,
        ours: megabytes(median(results.large)),
        reference: megabytes(median(results.small)),
        ratio,
        ...atMost(1.15, ratio),
      },
      {
        what: `Added to what the server held before the round, cohort of ${large}`,
        against: `cohort of ${small}`,
        ours: megabytes(median(added.large)),
        reference: megabytes(median(added.small)),
        ratio: medianRatio(added.large, added.small),
        ...onlyReported,
      },
    ];
  },
};
