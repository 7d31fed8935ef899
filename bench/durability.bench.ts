import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChorusOptions } from '../src/index.ts';
import { alternate, median, medianRatio, type Trial } from './support/measure.ts';
import { Program } from './support/program.ts';
import {
  type Benchmark,
  gigabytesPerSecond,
  milliseconds,
  onlyReported,
  perSecond,
  type Row,
  type Size,
} from './support/report.ts';
import { patientPlan, uploadRound } from './support/tickets.ts';

interface Case {
  uploads: number;
  /** Of one update. */
  parameters: number;
  repeats: number;
  unit: 'updates' | 'bytes';
}

const cases: Record<Size, Case[]> = {
  full: [
    { uploads: 256, parameters: 1_000, repeats: 9, unit: 'updates' },
    { uploads: 16, parameters: 2_500_000, repeats: 9, unit: 'bytes' },
  ],
  tiny: [{ uploads: 2, parameters: 1_000, repeats: 1, unit: 'updates' }],
};

/** What a server may promise, from nothing to everything. */
const promises: { what: string; settings: ChorusOptions }[] = [
  { what: 'durability round', settings: { durability: 'round' } },
  { what: 'durability update, fsync commit', settings: { durability: 'update', fsync: 'commit' } },
  { what: 'durability update, fsync always (the default)', settings: { durability: 'update', fsync: 'always' } },
];

async function runCase({ uploads, parameters, repeats, unit }: Case): Promise<Row[]> {
  const plan = { ...patientPlan, minClients: uploads };
  const folder = await mkdtemp(join(tmpdir(), 'chorus-bench-'));
  try {
    return await Program.with(async (start) => {
      const load = await start('load');
      const bytes = await load.ask<number>('model', { parameters });
      const memory = await start('chorus-server', { plan });
      const durable = await Promise.all(
        promises.map(({ settings }, index) =>
          start('chorus-server', { plan, ...settings, storage: { dir: join(folder, String(index)) } }),
        ),
      );
      const servers = [memory, ...durable];
      for (const server of servers) await server.ask('register', { count: uploads });
      const commits = new Map<Program, number[]>(servers.map((server) => [server, []]));
      const round =
        (server: Program): Trial =>
        async () => {
          const { ms, untilCommitMs } = await uploadRound(server, load, bytes);
          commits.get(server)?.push(untilCommitMs - ms);
          return ms;
        };
      const trials = Object.fromEntries(servers.map((server, index) => [String(index), round(server)]));
      const results = await alternate(trials, repeats);
      const reference = results['0'] ?? [];
      const figure = (ms: number) =>
        unit === 'bytes' ? gigabytesPerSecond(bytes * uploads, ms) : perSecond(uploads, ms);
      const size = `${uploads} uploads of ${(bytes / 1e6).toPrecision(2)} MB`;
      return promises.map(({ what }, index) => {
        const ms = results[String(index + 1)] ?? [];
        const server = durable[index];
        const untilCommit = median(server ? (commits.get(server) ?? []) : []);
        return {
          what: `${size}, ${what}; committed ${milliseconds(Math.max(0, untilCommit))} after the last answer`,
          against: 'storage in memory',
          ours: figure(median(ms)),
          reference: figure(median(reference)),
          ratio: medianRatio(reference, ms),
          ...onlyReported,
        };
      });
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export const benchmark: Benchmark = {
  name: 'durability',
  question: 'What does it cost that a crash loses nothing?',
  method:
    'The same uploads, all of a round at once, to servers that promise more and more, in turns; time until the last is ' +
    'answered. The data folders are on the disk that holds the temporary folder. In memory nothing survives the process.',
  async run(size) {
    const rows: Row[] = [];
    for (const one of cases[size]) rows.push(...(await runCase(one)));
    return rows;
  },
};
