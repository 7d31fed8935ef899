/** A Chorus server as it is shipped, driven from the benchmark: clients are registered and start training in its process. */
import type { ChorusOptions, Registration } from '../../src/index.ts';
import { compiled } from '../support/compiled.ts';
import { modelFile } from '../support/model-file.ts';
import { programSettings, serveCommands, sharedNow } from './serve-commands.ts';

const { createChorus } = await compiled<typeof import('../../src/index.ts')>('index');
const chorus = await createChorus({ storage: 'memory', ...programSettings<ChorusOptions>() });
const { handle } = chorus;
const urls = await chorus.listen({ coordinator: 0, aggregator: 0 });
const clients: Registration[] = [];
/** When each round was committed. */
const commits: number[] = [];
handle.events.subscribe(({ type }) => {
  if (type === 'round.committed') commits.push(sharedNow());
});

/** Settles when it holds; looked at with each event, so that waiting takes no time from what is measured. */
function until(holds: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    if (holds()) return resolve();
    const stop = handle.events.subscribe(() => {
      if (!holds()) return;
      stop();
      resolve();
    });
  });
}

serveCommands({
  ports: () => ({
    coordinator: Number(new URL(urls.coordinatorUrl).port),
    aggregator: Number(new URL(urls.aggregatorUrl).port),
  }),
  /** @param keep so many of them, evenly spread, are remembered. */
  register: ({ count, keep = count }: { count: number; keep?: number }) => {
    const step = count / keep;
    for (let client = 0; client < count; client += 1) {
      const registration = handle.rendezvous();
      if (client >= clients.length * step) clients.push(registration);
    }
  },
  clients: ({ from, to }: { from: number; to: number }) => clients.slice(from, to),
  startRun: () => handle.startRun(),
  installModel: async ({ parameters }: { parameters: number }) => {
    const { run = '' } = handle.run() ?? {};
    return handle.installModel(run, modelFile(parameters).bytes);
  },
  /** Everybody selected starts training. */
  startRound: async () => {
    await until(() => handle.status().phase === 'training' && handle.status().counts.selected > 0);
    const tickets: { clientId: string; round: number; trainingToken: string }[] = [];
    for (const { clientId } of clients) {
      if (handle.client(clientId).state !== 'selected') continue;
      const { round, trainingToken } = await handle.startTraining(clientId);
      tickets.push({ clientId, round, trainingToken });
    }
    return tickets;
  },
  /** @returns when the so-manieth commit was, on the shared clock, ms; waits for it. */
  committed: async ({ count }: { count: number }) => {
    await until(() => commits.length >= count);
    return commits[count - 1];
  },
  /** @returns the times between `count` commits from now on and the ones before them, ms. */
  turnarounds: async ({ count }: { count: number }) => {
    const first = commits.length;
    await until(() => commits.length > first + count);
    return Array.from(
      { length: count },
      (_, index) => (commits[first + index + 1] ?? 0) - (commits[first + index] ?? 0),
    );
  },
});
