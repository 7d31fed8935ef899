import { requestHead } from './support/connection.ts';
import { startSink } from './support/line-program.ts';
import { alternate, type Trial } from './support/measure.ts';
import { Program } from './support/program.ts';
import { atLeast, type Benchmark, type Judgement, onlyReported, type Row, type Size } from './support/report.ts';
import { speedRow } from './support/speed-row.ts';
import { patientPlan, type Transferred, uploadRound } from './support/tickets.ts';

interface Case {
  uploads: number;
  megabytes: number;
  repeats: number;
}

const cases: Record<Size, Case[]> = {
  full: [
    { uploads: 16, megabytes: 10, repeats: 9 },
    { uploads: 4, megabytes: 100, repeats: 7 },
  ],
  tiny: [{ uploads: 2, megabytes: 0.1, repeats: 1 }],
};

async function runCase({ uploads, megabytes, repeats }: Case): Promise<Row[]> {
  const parameters = Math.round((megabytes * 1e6) / 4);
  const plan = { ...patientPlan, minClients: uploads };
  const sink = await startSink();
  try {
    return await Program.with(async (start) => {
      const [load, discard, kernels, withDoor, plain] = await Promise.all([
        start('load'),
        start('discard-server'),
        start('kernels', { parameters }),
        start('chorus-server', { plan }),
        start('chorus-server', { plan, http: { frontDoor: false } }),
      ]);
      const bytes = await load.ask<number>('model', { parameters });
      const total = bytes * uploads;
      for (const server of [withDoor, plain]) await server.ask('register', { count: uploads });
      const discardPort = await discard.ask<number>('port');
      const heads = Array.from({ length: uploads }, () => requestHead('PUT', '/', null, [`Content-Length: ${bytes}`]));
      const discarded = (port: number) => async () => (await load.ask<Transferred>('upload', { port, heads })).ms;
      const taken = (server: Program) => async () => (await uploadRound(server, load, bytes)).ms;
      const hashedBytes = await kernels.ask<number>('bytes');
      const trials: Record<string, Trial> = {
        reference: discarded(discardPort),
        withDoor: taken(withDoor),
        plain: taken(plain),
        // As many bytes as are sent.
        sha256: async () => ((await kernels.ask<number>('hash')) / hashedBytes) * total,
        ...(sink ? { sink: discarded(sink.port) } : {}),
      };
      const results = await alternate(trials, repeats);
      const { reference } = results;
      const against = 'bare node:http server that discards them';
      const row = (what: string, ours: readonly number[] | undefined, judge: (ratio: number) => Judgement): Row =>
        speedRow(
          { what: `${uploads} uploads of ${megabytes} MB, ${what}`, against, bytes: total, ours, reference },
          judge,
        );
      const reported = () => onlyReported;
      return [
        row('through the front door', results.withDoor, (ratio) => atLeast(1.5, ratio)),
        row('through the HTTP server', results.plain, (ratio) => atLeast(0.8, ratio)),
        row('SHA-256 of them on one thread, and nothing else', results.sha256, reported),
        ...(sink ? [row('a sink in C that discards them', results.sink, reported)] : []),
      ];
    });
  } finally {
    sink?.stop();
  }
}

export const benchmark: Benchmark = {
  name: 'uploads',
  question: 'How fast are updates taken in, checked, hashed, counted and answered?',
  method:
    'Clients in one process send all uploads of a round at once over raw sockets; time until the last answer. The ' +
    'reference, and a sink in C where there is a C compiler, take the same bytes from the same process and discard ' +
    'them. SHA-256 alone bounds what one summing thread can do, since every update gets a receipt with its digest.',
  async run(size) {
    const rows: Row[] = [];
    for (const one of cases[size]) rows.push(...(await runCase(one)));
    return rows;
  },
};
