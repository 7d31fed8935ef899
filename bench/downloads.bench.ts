import { requestHead } from './support/connection.ts';
import { alternate, median, medianRatio } from './support/measure.ts';
import { Program } from './support/program.ts';
import {
  atLeast,
  type Benchmark,
  gigabytesPerSecond,
  type Judgement,
  onlyReported,
  type Row,
} from './support/report.ts';
import { type Ports, patientPlan, type Ticket, type Transferred } from './support/tickets.ts';

const sizes = {
  full: { readers: 16, megabytes: 100, repeats: 7 },
  tiny: { readers: 2, megabytes: 0.1, repeats: 1 },
};

/** A server whose aggregator serves a model to readers, each with a token of its own. */
async function serveModel(server: Program, readers: number, parameters: number) {
  await server.ask('installModel', { parameters });
  await server.ask('register', { count: readers });
  const { coordinator, aggregator } = await server.ask<Ports>('ports');
  const tickets = await server.ask<Ticket[]>('startRound');
  const heads = tickets.map(({ round, trainingToken }) =>
    requestHead('GET', `/v1/rounds/${round}/model`, trainingToken),
  );
  return { coordinator, aggregator, heads };
}

export const benchmark: Benchmark = {
  name: 'downloads',
  question: 'How fast is the global model handed out?',
  method:
    'Readers in one process, each on a connection of its own, read the model at once into one buffer and throw it ' +
    'away; time until the last has all of it. The reference is `res.end(buffer)` of a bare `node:http` server.',
  async run(size) {
    const { readers, megabytes, repeats } = sizes[size];
    const parameters = Math.round((megabytes * 1e6) / 4);
    const total = parameters * 4 * readers;
    const plan = { ...patientPlan, minClients: readers, initialModel: 'upload', downloadsMax: 1_000 };
    return Program.with(async (start) => {
      const [load, bare, withDoor, plain] = await Promise.all([
        start('load'),
        start('discard-server'),
        start('chorus-server', { plan }),
        start('chorus-server', { plan, http: { frontDoor: false } }),
      ]);
      const barePort = await bare.ask<number>('port');
      const door = await serveModel(withDoor, readers, parameters);
      const http = await serveModel(plain, readers, parameters);
      const same = (head: string) => Array.from({ length: readers }, () => head);
      const download = (port: number, heads: string[]) => async () =>
        (await load.ask<Transferred>('download', { port, heads })).ms;
      const results = await alternate(
        {
          reference: download(barePort, same(requestHead('GET', `/${parameters * 4}`, null))),
          withDoor: download(door.aggregator, door.heads),
          plain: download(http.aggregator, http.heads),
          coordinator: download(http.coordinator, same(requestHead('GET', '/v1/models/latest', null))),
        },
        repeats,
      );
      const row = (what: string, ms: readonly number[], judge: (ratio: number) => Judgement): Row => {
        const ratio = medianRatio(results.reference, ms);
        return {
          what: `${readers} downloads of ${megabytes} MB, ${what}`,
          against: 'bare node:http, res.end(buffer)',
          ours: gigabytesPerSecond(total, median(ms)),
          reference: gigabytesPerSecond(total, median(results.reference)),
          ratio,
          ...judge(ratio),
        };
      };
      return [
        row('from the aggregator', results.withDoor, (ratio) => atLeast(0.9, ratio)),
        row('from the aggregator, without the front door', results.plain, (ratio) => atLeast(0.9, ratio)),
        row('a checkpoint from the coordinator', results.coordinator, () => onlyReported),
      ];
    });
  },
};
