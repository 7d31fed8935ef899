import { startNumpy } from './support/line-program.ts';
import { alternate, median, medianRatio, type Trial } from './support/measure.ts';
import { Program } from './support/program.ts';
import { atMost, type Benchmark, type Judgement, onlyReported, type Row, seconds } from './support/report.ts';
import { patientPlan, uploadRound } from './support/tickets.ts';

const sizes = {
  full: { clients: 32, megabytes: 40, repeats: 5 },
  tiny: { clients: 2, megabytes: 0.1, repeats: 1 },
};

export const benchmark: Benchmark = {
  name: 'whole-round',
  question: 'How far is a whole round from the arithmetic it is there for?',
  method:
    'All clients upload at once. From the first byte of the first upload to the commit of the round: received over ' +
    'loopback, hashed, checked, folded, divided, rounded to F32, hashed again, stored. The reference is the same ' +
    'weighted mean over arrays that are in memory already: `acc += n * x` in numpy where there is one, else a plain ' +
    'TypeScript loop, which is reported either way.',
  async run(size) {
    const { clients, megabytes, repeats } = sizes[size];
    const parameters = Math.round((megabytes * 1e6) / 4);
    const numpy = await startNumpy(clients, parameters);
    try {
      return await Program.with(async (start) => {
        const [load, mean, server] = await Promise.all([
          start('load'),
          start('mean', { clients, parameters }),
          start('chorus-server', { plan: { ...patientPlan, minClients: clients } }),
        ]);
        const bytes = await load.ask<number>('model', { parameters });
        await server.ask('register', { count: clients });
        const cpu: number[] = [];
        const trials: Record<string, Trial> = {
          loop: () => mean.ask<number>('mean'),
          ...(numpy ? { numpy: () => numpy.mean() } : {}),
          ours: async () => {
            const { untilCommitMs, cpuMs } = await uploadRound(server, load, bytes);
            cpu.push(cpuMs);
            return untilCommitMs;
          },
        };
        const results = await alternate(trials, repeats);
        const [ours = [], loop = []] = [results.ours, results.loop];
        const row = (
          what: string,
          ms: readonly number[],
          against: string,
          reference: readonly number[],
          judge: typeof wanted,
        ): Row => {
          const ratio = medianRatio(ms, reference);
          return {
            what,
            against,
            ours: seconds(median(ms)),
            reference: seconds(median(reference)),
            ratio,
            ...judge(ratio),
          };
        };
        const round = `Round of ${clients} × ${megabytes} MB, first byte to commit`;
        const server_ = `The same, CPU time of all the server’s threads`;
        const [name, reference] = numpy
          ? [numpy.version, results.numpy ?? []]
          : ['TypeScript loop (no numpy here)', loop];
        return [
          row(round, ours, name, reference, wanted),
          row(server_, cpu.slice(-repeats), name, reference, () => onlyReported),
          ...(numpy ? [row(round, ours, 'TypeScript loop', loop, () => onlyReported)] : []),
        ];
      });
    } finally {
      numpy?.stop();
    }
  },
};

const wanted = (ratio: number): Judgement => atMost(1.5, ratio);
