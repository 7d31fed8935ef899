import { and, assign, fromCallback, fromPromise, not, raise, setup } from 'xstate';
import { chartedMachines } from '../../src/inspect/charts.ts';

/** A machine with one of everything, and with names that need escaping. */
export const ovenMachine = setup({
  types: {} as {
    context: { heat: number; doorToken: string };
    events: { type: 'heat' } | { type: 'open "door"' } | { type: '<&>' } | { type: 'stop' } | { type: 'peek' };
  },
  actors: {
    bake: fromPromise(async () => 'bread'),
    deadline: fromCallback(() => undefined),
  },
  actions: { warm: assign({ heat: ({ context }) => context.heat + 1 }), ring: () => undefined },
  guards: {
    hot: ({ context }) => context.heat >= 2,
    broken: () => {
      throw new Error('asked without its event');
    },
    warmerThan: ({ context }, { least }: { least: number }) => context.heat > least,
  },
  delays: { coolMs: 1_000_000 },
}).createMachine({
  id: 'oven',
  description: 'Bakes & rests.',
  context: { heat: 0, doorToken: 'secret-door' },
  initial: 'cold',
  on: { stop: '.off', peek: { actions: 'ring' } },
  states: {
    cold: {
      tags: ['quiet'],
      meta: { description: 'Not < hot.' },
      entry: ['ring', assign({ heat: 0 })],
      exit: { type: 'warm' },
      after: { coolMs: 'off', 2000000: { guard: 'broken', target: 'off' } },
      on: {
        heat: [
          { guard: 'hot', target: 'busy' },
          { guard: and(['hot', not('broken')]), target: 'busy' },
          { guard: { type: 'warmerThan', params: { least: 0 } }, actions: ['warm', raise({ type: 'peek' })] },
          { actions: 'warm', description: 'Warmer.' },
        ],
        'open "door"': { target: 'cold', reenter: true },
        '<&>': 'off',
      },
    },
    busy: {
      type: 'parallel',
      states: {
        inside: {
          initial: 'baking',
          states: {
            baking: { invoke: { id: 'bread', src: 'bake', onDone: 'baked', onError: '#oven.off' } },
            baked: { type: 'final' },
          },
        },
        light: {
          initial: 'on',
          states: {
            on: {
              invoke: { id: 'bulbLife', src: 'deadline' },
              on: { 'deadline.passed': 'out' } as Record<string, 'out'>,
              always: { guard: not('hot'), target: 'out' },
            },
            out: { type: 'final' },
          },
        },
      },
      onDone: 'off',
    },
    off: { type: 'final' },
  },
});

/** The machines of the system, and the one with everything. */
export const everyMachine = [...chartedMachines, ovenMachine];
