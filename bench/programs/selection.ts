/** Two coordinators without ports, one with many clients and one with few, that select cohorts of the same size. */
import type { Core } from '../../src/core.ts';
import { compiled } from '../support/compiled.ts';
import { programSettings, serveCommands } from './serve-commands.ts';

const { createCore } = await compiled<typeof import('../../src/core.ts')>('core');
const { uniform } = await compiled<typeof import('../../src/selection/uniform.ts')>('selection/uniform');

interface Settings {
  cohort: number;
  populations: Record<string, number>;
}
const { cohort, populations } = programSettings<Settings>();

interface Selecting {
  core: Core;
  /** Ends with the next selection; ms. */
  next(): Promise<number>;
}

async function populate(population: number): Promise<Selecting> {
  let askedAt = 0;
  const core = await createCore({
    aggregator: 'inline',
    autoStart: false,
    clientsMax: population,
    plan: { cohortSize: cohort, heartbeatTimeoutMs: 86_400_000, trainingWindowMs: 86_400_000 },
    policy: (request) => {
      askedAt = performance.now();
      return uniform(request);
    },
  });
  for (let client = 0; client < population; client += 1) core.handle.rendezvous();
  const next = () =>
    new Promise<number>((resolve) => {
      const stop = core.handle.events.subscribe(({ type }) => {
        if (type !== 'clients.selected') return;
        resolve(performance.now() - askedAt);
        stop();
      });
    });
  return { core, next };
}

const selecting = new Map<string, Selecting>();
for (const [name, population] of Object.entries(populations)) selecting.set(name, await populate(population));

function raise(message: string): never {
  throw new Error(message);
}

serveCommands({
  /** Opens a round, and ends its run. @returns from the question to everybody being marked as selected, ms */
  select: async ({ name }: { name: string }) => {
    const { core, next } = selecting.get(name) ?? raise(`There is no population ${name}`);
    const selected = next();
    core.handle.startRun();
    const ms = await selected;
    core.handle.stopRun();
    return ms;
  },
});
