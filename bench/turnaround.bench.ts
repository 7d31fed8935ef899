import { median, percentile } from './support/measure.ts';
import { Program } from './support/program.ts';
import { alone, atMost, type Benchmark, milliseconds, onlyReported, type Row, type Size } from './support/report.ts';
import { type Ports, patientPlan } from './support/tickets.ts';

interface Case {
  clients: number;
  rounds: number;
  repeats: number;
  isJudged: boolean;
}

const cases: Record<Size, Case[]> = {
  full: [
    { clients: 10, rounds: 400, repeats: 5, isJudged: true },
    { clients: 1_000, rounds: 10, repeats: 3, isJudged: false },
  ],
  tiny: [{ clients: 3, rounds: 5, repeats: 1, isJudged: true }],
};
const parameters = 100;
const unlimited = 1_000_000_000;

async function runCase({ clients, rounds, repeats, isJudged }: Case): Promise<Row[]> {
  return Program.with(async (start) => {
    const [server, load] = await Promise.all([
      start('chorus-server', {
        autoStart: false,
        plan: { ...patientPlan, minClients: clients },
        http: { limits: { requestsPerClientMax: unlimited, requestsPerAddressMax: unlimited } },
      }),
      start('lean-clients'),
    ]);
    await server.ask('register', { count: clients });
    const ports = await server.ask<Ports>('ports');
    const members = await server.ask('clients', { from: 0, to: clients });
    await server.ask('startRun');
    await load.ask('join', { ...ports, clients: members, parameters });
    const turns: number[][] = [];
    for (let turn = 0; turn <= repeats; turn += 1) {
      const turnarounds = await server.ask<number[]>('turnarounds', { count: rounds });
      if (turn > 0) turns.push(turnarounds);
    }
    const p50 = median(turns.map((turn) => percentile(turn, 0.5)));
    const p99 = median(turns.map((turn) => percentile(turn, 0.99)));
    const what = `Round turnaround, ${clients.toLocaleString('en')} clients`;
    const half: Row = { what: `${what}, p50`, ours: milliseconds(p50), ...alone, ...onlyReported };
    // Of few rounds the 99th percentile is only the slowest one.
    if (!isJudged) return [half];
    return [
      { ...half, ...atMost(10, p50, 'ms') },
      { ...half, what: `${what}, p99`, ours: milliseconds(p99), ...atMost(50, p99, 'ms') },
    ];
  });
}

export const benchmark: Benchmark = {
  name: 'turnaround',
  question: 'How long does a round take when clients take no time?',
  method:
    'Clients in one process, each on two keep-alive connections: a held heartbeat, start training, upload of a model ' +
    'of 100 parameters, and again. Time from one commit to the next, as the server’s events tell it: selection, ' +
    'training, aggregation and commit of a whole round. Percentiles of each repeat, then their median.',
  async run(size) {
    const rows: Row[] = [];
    for (const one of cases[size]) rows.push(...(await runCase(one)));
    return rows;
  },
};
