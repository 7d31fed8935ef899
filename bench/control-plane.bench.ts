import { alternate, median, percentile } from './support/measure.ts';
import { Program } from './support/program.ts';
import { alone, atMost, type Benchmark, gigabytesPerSecond, milliseconds, onlyReported } from './support/report.ts';
import { type Ports, patientPlan, uploadRound } from './support/tickets.ts';

const sizes = {
  full: { uploads: 16, megabytes: 10, heartbeats: 1_000, everyMs: 5, repeats: 5 },
  tiny: { uploads: 2, megabytes: 0.1, heartbeats: 20, everyMs: 5, repeats: 1 },
};
const unlimited = 1_000_000_000;

export const benchmark: Benchmark = {
  name: 'control-plane',
  question: 'Do heartbeats wait while uploads saturate the aggregator?',
  method:
    'Heartbeats at a steady pace, sent whether earlier ones are answered or not, from a process of their own; 99th ' +
    'percentile of the time from sending to the answer, once while nothing else goes on and once while another ' +
    'process uploads one round after another. Everything shares the cores of one machine, so waiting for a core counts.',
  async run(size) {
    const { uploads, megabytes, heartbeats, everyMs, repeats } = sizes[size];
    return Program.with(async (start) => {
      const [server, load, probe] = await Promise.all([
        start('chorus-server', {
          plan: { ...patientPlan, minClients: uploads },
          http: { limits: { requestsPerClientMax: unlimited, requestsPerAddressMax: unlimited } },
        }),
        start('load'),
        start('heartbeat-load'),
      ]);
      const bytes = await load.ask<number>('model', { parameters: Math.round((megabytes * 1e6) / 4) });
      await server.ask('register', { count: uploads });
      await probe.ask('clients', { clients: await server.ask('clients', { from: 0, to: uploads }) });
      const { coordinator: port } = await server.ask<Ports>('ports');
      const rates: number[] = [];
      const p99 = async () =>
        percentile(await probe.ask<number[]>('probe', { port, count: heartbeats, everyMs }), 0.99);
      const busy = async () => {
        let isOver = false;
        const saturate = async () => {
          while (!isOver) rates.push((await uploadRound(server, load, bytes)).ms);
        };
        const saturating = saturate();
        try {
          return await p99();
        } finally {
          isOver = true;
          await saturating;
        }
      };
      const results = await alternate({ idle: p99, busy }, repeats);
      const [idleMs, busyMs] = [median(results.idle), median(results.busy)];
      return [
        {
          what: 'p99 of a heartbeat while uploads saturate',
          against: 'idle',
          ours: milliseconds(busyMs),
          reference: milliseconds(idleMs),
          ratio: busyMs / idleMs,
          ...atMost(25, busyMs, 'ms'),
        },
        {
          what: 'Uploads taken in meanwhile',
          ours: gigabytesPerSecond(bytes * uploads, median(rates)),
          ...alone,
          ...onlyReported,
        },
      ];
    });
  },
};
