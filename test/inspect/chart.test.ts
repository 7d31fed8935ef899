import { describe, expect, it } from 'vitest';
import { activeStates, type Chart, chartOf, everyState } from '../../src/inspect/chart.ts';
import { roundMachine } from '../../src/machines/round.machine.ts';
import { everyMachine, ovenMachine } from './machines.ts';

const edgesOf = (chart: Chart, from: string) => chart.edges.filter((edge) => edge.from === from);

describe('a chart', () => {
  const oven = chartOf(ovenMachine);

  it('survives JSON unchanged, for every machine', () => {
    for (const machine of everyMachine) {
      const chart = chartOf(machine);
      expect(JSON.parse(JSON.stringify(chart))).toEqual(chart);
    }
  });

  it('names states by machine and path, parents first', () => {
    expect(everyState(oven).map(({ id }) => id)).toEqual([
      'oven',
      'oven.cold',
      'oven.busy',
      'oven.busy.inside',
      'oven.busy.inside.baking',
      'oven.busy.inside.baked',
      'oven.busy.light',
      'oven.busy.light.on',
      'oven.busy.light.out',
      'oven.off',
    ]);
    expect(oven.initial).toBe('oven.cold');
    expect(oven.states.map(({ type }) => type)).toEqual(['atomic', 'parallel', 'final']);
  });

  it('takes descriptions from the description or from meta', () => {
    expect(oven.description).toBe('Bakes & rests.');
    expect(oven.states[0]?.description).toBe('Not < hot.');
    expect(oven.states[1]?.description).toBeNull();
  });

  it('names actions and actors, and leaves out the timers XState adds for delays', () => {
    expect(oven.states[0]).toMatchObject({ entry: ['ring', 'assign'], exit: ['warm'], tags: ['quiet'] });
    expect(everyState(oven).find(({ key }) => key === 'baking')?.invoke).toEqual([{ id: 'bread', src: 'bake' }]);
  });

  it('keeps the order of guarded candidates, and says "else" for the last', () => {
    const heat = edgesOf(oven, 'oven.cold').filter(({ event }) => event === 'heat');
    expect(heat.map(({ guard }) => guard)).toEqual(['hot', 'hot and (not broken)', 'warmerThan', 'else']);
    expect(heat.map(({ to }) => to)).toEqual(['oven.busy', 'oven.busy', null, null]);
    expect(heat[2]?.actions).toEqual(['warm', 'raise peek']);
    expect(heat[3]?.description).toBe('Warmer.');
  });

  it('tells causes apart', () => {
    const causes = oven.edges.map(({ kind, event }) => [kind, event]);
    expect(causes).toContainEqual(['event', 'open "door"']);
    expect(causes).toContainEqual(['delay', 'after coolMs']);
    expect(causes).toContainEqual(['delay', 'after 2000000 ms']);
    expect(causes).toContainEqual(['delay', 'bulbLife passed']);
    expect(causes).toContainEqual(['done', 'done: bread']);
    expect(causes).toContainEqual(['done', 'done']);
    expect(causes).toContainEqual(['error', 'error: bread']);
    expect(causes).toContainEqual(['always', 'always']);
  });

  it('shows the deadlines of a round as named delays', () => {
    const delays = chartOf(roundMachine).edges.filter(({ kind }) => kind === 'delay');
    expect(delays.map(({ event }) => event)).toContain('trainingDeadline passed');
    expect(delays.every(({ event }) => event.endsWith('Deadline passed'))).toBe(true);
  });

  it('gives every edge an id of its own, and ends that exist', () => {
    for (const machine of everyMachine) {
      const chart = chartOf(machine);
      const states = new Set(everyState(chart).map(({ id }) => id));
      expect(new Set(chart.edges.map(({ id }) => id)).size).toBe(chart.edges.length);
      for (const { from, to } of chart.edges) {
        expect(states).toContain(from);
        if (to !== null) expect(states).toContain(to);
      }
    }
  });

  it('is the same for a machine whose effects were provided', () => {
    expect(chartOf(ovenMachine.provide({ actions: { ring: () => undefined } }))).toEqual(chartOf(ovenMachine));
  });
});

describe('the active states', () => {
  it('are the path to the active leaf', () => {
    expect(activeStates('round', 'training')).toEqual(['round', 'round.training']);
    expect(activeStates('round', { selecting: 'waiting' })).toEqual([
      'round',
      'round.selecting',
      'round.selecting.waiting',
    ]);
  });

  it('include every region of a parallel state', () => {
    expect(activeStates('oven', { busy: { inside: 'baking', light: {} } })).toEqual([
      'oven',
      'oven.busy',
      'oven.busy.inside',
      'oven.busy.inside.baking',
      'oven.busy.light',
    ]);
  });
});
