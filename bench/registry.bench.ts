import { median } from './support/measure.ts';
import { Program } from './support/program.ts';
import { alone, atLeast, atMost, type Benchmark, onlyReported, perSecond } from './support/report.ts';

const sizes = { full: { clients: 1_000_000, repeats: 7 }, tiny: { clients: 2_000, repeats: 1 } };

export const benchmark: Benchmark = {
  name: 'registry',
  question: 'What does a registered client cost, in memory and in time for its heartbeat?',
  method:
    'A coordinator without ports. Memory: what JavaScript’s heap and the arrays outside of it hold after a garbage ' +
    'collection, before and after registering; ids, tokens’ digests, timers and everything else are in it. ' +
    'Heartbeats: one of every client through the handle, given by id, in random order.',
  async run(size) {
    const { clients, repeats } = sizes[size];
    return Program.with(async (start) => {
      const registry = await start('registry', { clients }, ['--expose-gc']);
      const { ms, used, rss } = await registry.ask<{ ms: number; used: number; rss: number }>('register');
      await registry.ask('shuffle');
      const beats: number[] = [];
      for (let turn = 0; turn <= repeats; turn += 1) {
        const taken = await registry.ask<number>('beats');
        if (turn > 0) beats.push(taken);
      }
      const rate = (clients / median(beats)) * 1_000;
      const count = clients.toLocaleString('en');
      return [
        {
          what: `Memory per client of ${count}`,
          ours: `${used.toFixed(1)} bytes`,
          ...alone,
          ...atMost(64, used, 'bytes'),
        },
        {
          what: 'The same, as the system sees it (resident set)',
          ours: `${rss.toFixed(1)} bytes`,
          ...alone,
          ...onlyReported,
        },
        {
          what: `Heartbeats through the handle, ${count} clients`,
          ours: perSecond(clients, median(beats)),
          ...alone,
          ...atLeast(1_000_000, rate, 'per second'),
        },
        { what: 'Registrations through the handle', ours: perSecond(clients, ms), ...alone, ...onlyReported },
      ];
    });
  },
};
