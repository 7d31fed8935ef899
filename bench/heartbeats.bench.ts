import { alternate, median, medianRatio } from './support/measure.ts';
import { Program, type StartProgram } from './support/program.ts';
import { atLeast, type Benchmark, onlyReported, perSecond } from './support/report.ts';
import { type Ports, patientPlan } from './support/tickets.ts';

const sizes = {
  full: { many: 1_000_000, few: 1_000, senders: 100_000, requests: 20_000, repeats: 9, connections: 32 },
  tiny: { many: 1_000, few: 100, senders: 200, requests: 200, repeats: 1, connections: 4 },
};
/** Clients handed from one program to another in one message. */
const clientsPerMessage = 10_000;
const unlimited = 1_000_000_000;

/** A server with so many clients and a run that waits for one of them, and the load that plays some of its clients. */
async function populate(start: StartProgram, clients: number, senders: number) {
  const [server, load] = await Promise.all([
    start('chorus-server', {
      autoStart: false,
      plan: { ...patientPlan, cohortSize: 1 },
      http: { limits: { requestsPerClientMax: unlimited, requestsPerAddressMax: unlimited } },
    }),
    start('heartbeat-load'),
  ]);
  await server.ask('register', { count: clients, keep: Math.min(senders, clients) });
  for (let from = 0; from < senders; from += clientsPerMessage) {
    await load.ask('clients', { clients: await server.ask('clients', { from, to: from + clientsPerMessage }) });
  }
  await server.ask('startRun');
  const { coordinator: port } = await server.ask<Ports>('ports');
  return { load, port };
}

export const benchmark: Benchmark = {
  name: 'heartbeats',
  question: 'How many heartbeats are answered over HTTP, and does it matter how many clients are registered?',
  method:
    'Keep-alive connections, one request at a time each, from a process of their own; each request is another ' +
    'client’s, out of 100,000 spread over the million. Tokens are checked, rates are counted, with limits raised so ' +
    'that none is hit. The reference is a bare Fastify route that returns a constant to the same requests.',
  async run(size) {
    const { many, few, senders, requests, repeats, connections } = sizes[size];
    return Program.with(async (start) => {
      const [fastify, crowd, handful] = await Promise.all([
        start('fastify-server'),
        populate(start, many, senders),
        populate(start, few, few),
      ]);
      const fastifyPort = await fastify.ask<number>('port');
      const flood = (load: Program, port: number) => () => load.ask<number>('flood', { port, requests, connections });
      const results = await alternate(
        {
          reference: flood(crowd.load, fastifyPort),
          crowd: flood(crowd.load, crowd.port),
          handful: flood(handful.load, handful.port),
        },
        repeats,
      );
      const [reference, ofCrowd, ofHandful] = [results.reference, results.crowd, results.handful];
      const againstFastify = medianRatio(reference, ofCrowd);
      const fewAgainstFastify = medianRatio(reference, ofHandful);
      const againstFew = medianRatio(ofHandful, ofCrowd);
      const rate = (ms: readonly number[]) => perSecond(requests, median(ms));
      const fastifyRoute = 'bare Fastify route that returns a constant';
      const [manyText, fewText] = [many.toLocaleString('en'), few.toLocaleString('en')];
      return [
        {
          what: `Heartbeats with ${manyText} registered`,
          against: fastifyRoute,
          ours: rate(ofCrowd),
          reference: rate(reference),
          ratio: againstFastify,
          ...atLeast(0.8, againstFastify),
        },
        {
          what: `Heartbeats with ${manyText} registered instead of ${fewText}`,
          against: `with ${fewText} registered`,
          ours: rate(ofCrowd),
          reference: rate(ofHandful),
          ratio: againstFew,
          ...atLeast(0.9, againstFew),
        },
        {
          what: `Heartbeats with ${fewText} registered`,
          against: fastifyRoute,
          ours: rate(ofHandful),
          reference: rate(reference),
          ratio: fewAgainstFastify,
          ...onlyReported,
        },
      ];
    });
  },
};
