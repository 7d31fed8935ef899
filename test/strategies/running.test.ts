import { describe, expect, it } from 'vitest';
import { proximalGradient } from '../../src/client/proximal-gradient.ts';
import { initialState, stateSchema } from '../../src/strategies/optimiser-state.ts';
import { weightedMean } from '../../src/strategies/running.ts';
import { clipFactor, RunningTotals, weigh } from '../../src/strategies/running-totals.ts';
import type { RunningStrategy } from '../../src/strategies/strategy.ts';
import { strategyOf, Training, type Update } from './drive.ts';

function runningOf(name: string, parameters: Record<string, unknown> = {}): RunningStrategy {
  const strategy = strategyOf(name, parameters);
  if (strategy.kind !== 'running') throw new Error(`${name} is not running`);
  return strategy;
}
const known = (numExamples: number, metrics: Record<string, number> = {}, deltaNorm: number | null = null) => ({
  numExamples,
  metrics,
  deltaNorm,
});
const update = (numExamples: number, ...values: number[]): Update => ({ numExamples, metrics: {}, values });

describe('the totals of a running strategy', () => {
  it('need no base for a plain mean of full weights, and the whole of it for one of deltas', () => {
    const totals = new RunningTotals(runningOf('fedavg'));
    expect(totals.add(known(3))).toEqual({ weight: 3, clear: true });
    expect(totals.add(known(5))).toEqual({ weight: 5, clear: false });
    expect(totals.finishing('weights')).toEqual({ divisor: 8, baseShare: 0 });
    expect(totals.finishing('deltas')).toEqual({ divisor: 8, baseShare: 1 });
  });

  it('give an optimiser the pseudo-gradient: without the base', () => {
    const totals = new RunningTotals(runningOf('fedadam'));
    totals.add(known(3));
    expect(totals.finishing('weights')).toEqual({ divisor: 3, baseShare: -1 });
    expect(totals.finishing('deltas')).toEqual({ divisor: 3, baseShare: 0 });
  });

  it('forget updates without a weight when the first one with a weight comes, and leave out later ones', () => {
    const totals = new RunningTotals(runningOf('fedavg'));
    expect(totals.add(known(0))).toEqual({ weight: 1, clear: true });
    expect(totals.add(known(0))).toEqual({ weight: 1, clear: false });
    expect(totals.finishing('weights').divisor).toBe(2);
    expect(totals.add(known(4))).toEqual({ weight: 4, clear: true });
    expect(totals.add(known(0))).toEqual({ weight: 0, clear: false });
    expect(totals.finishing('weights').divisor).toBe(4);
  });

  it('give what a clipped update lacks to the base', () => {
    const totals = new RunningTotals(runningOf('fedavg', { clipNorm: 2 }));
    expect(totals.add(known(4, {}, 8)).weight).toBe(1);
    expect(totals.add(known(4, {}, 2)).weight).toBe(4);
    expect(totals.finishing('weights')).toEqual({ divisor: 8, baseShare: 1 - 5 / 8 });
  });

  it('let a stale update count as a part of one', () => {
    const totals = new RunningTotals(runningOf('fedavg'));
    totals.add(known(4));
    expect(totals.add({ ...known(4), staleness: 0.25 }).weight).toBe(1);
    expect(totals.finishing('weights').divisor).toBe(5);
  });

  it('tell a strategy how many contributions there are, stale or not: what a buffered one divides by', () => {
    const buffered: RunningStrategy = {
      ...weightedMean({ clipNorm: null }),
      weigh: () => ({ kind: 'weighed', weight: 1, terms: {} }),
      divisor: ({ contributions }) => contributions,
    };
    const totals = new RunningTotals(buffered);
    totals.add({ ...known(9), staleness: 0.5 });
    totals.add(known(9));
    expect(totals.finishing('deltas')).toEqual({ divisor: 2, baseShare: 1 });
  });

  it('refuse to finish without any weight', () => {
    expect(() => new RunningTotals(runningOf('fedavg')).finishing('weights')).toThrow('No weight, so no mean');
  });
});

describe('clipping', () => {
  it('scales longer deltas down to the norm, and no other', () => {
    expect(clipFactor(2, 8)).toBe(0.25);
    expect(clipFactor(2, 2)).toBe(1);
    expect(clipFactor(2, 0)).toBe(1);
    expect(clipFactor(null, 1e300)).toBe(1);
  });

  it('is not left out because a norm is not known', () => {
    expect(weigh(runningOf('fedavg', { clipNorm: 1 }), known(1))).toMatchObject({ kind: 'unfit' });
  });

  it('leaves an update that is too long at the norm from the base, in its direction', () => {
    const training = new Training(runningOf('fedavg', { clipNorm: 5 }), [1, 1]);
    const [x = 0, y = 0] = training.round([update(7, 31, 41)]);
    expect(x).toBeCloseTo(4, 12);
    expect(y).toBeCloseTo(5, 12);
  });
});

describe('updates that cannot be weighed', () => {
  it.each([
    ['q-fedavg', {}, 'The metric "loss" is missing'],
    ['q-fedavg', { loss: -1 }, 'needs a loss ≥ 0'],
    ['q-fedavg', { loss: 1e300 }, 'out of range'],
    ['fednova', {}, 'The metric "local_steps" is missing'],
    ['fednova', { local_steps: 0 }, 'needs a number above 0'],
    ['fednova', { local_steps: -3 }, 'needs a number above 0'],
    ['fednova', { local_steps: 5e-324 }, 'too small'],
  ])('are unfit for %s with the metrics %j, and it is said why', (name, metrics, detail) => {
    const parameters = name === 'q-fedavg' ? { q: 2 } : {};
    expect(weigh(runningOf(name, parameters), known(2, metrics as Record<string, number>, 1))).toMatchObject({
      kind: 'unfit',
      detail: expect.stringContaining(detail),
    });
  });

  it('do not get into a sum', () => {
    const totals = new RunningTotals(runningOf('fednova'));
    expect(() => totals.add(known(2))).toThrow('local_steps');
  });
});

describe('fednova', () => {
  it('is FedAvg when all take as many steps', () => {
    const updates = [update(1, 2, 4), update(3, 6, -8)].map((each) => ({ ...each, metrics: { local_steps: 5 } }));
    const [nova, avg] = ['fednova', 'fedavg'].map((name) => new Training(strategyOf(name), [1, 1]).round(updates));
    nova?.forEach((value, index) => {
      expect(value).toBeCloseTo(avg?.[index] ?? Number.NaN, 12);
    });
  });
});

describe('an optimiser’s state', () => {
  const model = [
    { name: 'a', dtype: 'F32', shape: [2] },
    { name: 'b', dtype: 'F16', shape: [] },
    { name: 'c', dtype: 'F32', shape: [0, 3] },
  ] as const;

  it('is one F64 tensor for each slot and tensor', () => {
    const { optimiser } = runningOf('fedadam');
    if (!optimiser) throw new Error('It has none');
    expect(stateSchema(optimiser, model)).toEqual([
      { name: 'momentum/a', dtype: 'F64', shape: [2] },
      { name: 'momentum/b', dtype: 'F64', shape: [] },
      { name: 'momentum/c', dtype: 'F64', shape: [0, 3] },
      { name: 'variance/a', dtype: 'F64', shape: [2] },
      { name: 'variance/b', dtype: 'F64', shape: [] },
      { name: 'variance/c', dtype: 'F64', shape: [0, 3] },
    ]);
    expect(initialState(optimiser, model).map((slot) => [...slot])).toEqual([
      [0, 0, 0],
      [1e-3 ** 2, 1e-3 ** 2, 1e-3 ** 2],
    ]);
  });

  it.each(['fedavgm', 'fedadagrad', 'fedadam', 'fedyogi'])(
    'carried over a restart gives %s the same bits as going on',
    (name) => {
      const rounds = [1, 2, 3, 4, 5].map((round) => [update(2, round / 3, -round / 7), update(3, 1 / round, 0.1)]);
      const steady = new Training(strategyOf(name), [0.1, 0.2]);
      const bits = rounds.map((updates) => [...steady.round(updates)]);
      let model = [0.1, 0.2];
      let state: Float64Array[] | null = null;
      for (const [index, updates] of rounds.entries()) {
        const restarted = new Training(strategyOf(name), model);
        if (state) restarted.state = state;
        model = restarted.round(updates);
        expect(model).toEqual(bits[index]);
        // Through bytes, as in a checkpoint.
        state = restarted.state.map((slot) => {
          const bytes = Uint8Array.from(new Uint8Array(slot.buffer, slot.byteOffset, slot.byteLength));
          return new Float64Array(bytes.buffer);
        });
      }
    },
  );

  it('does not depend on how the model is cut into tiles', () => {
    const { optimiser } = runningOf('fedyogi');
    const run = (cuts: readonly number[]): number[] => {
      const base = Float64Array.from({ length: 10 }, (_, index) => Math.cos(index));
      const delta = Float64Array.from({ length: 10 }, (_, index) => Math.sin(index));
      const state = [new Float64Array(10).fill(0.5), new Float64Array(10).fill(0.25)];
      const next = new Float64Array(10);
      cuts.slice(1).forEach((to, index) => {
        const tile = (values: Float64Array) => values.subarray(cuts[index], to);
        optimiser?.step({ base: tile(base), delta: tile(delta), state: state.map(tile), next: tile(next) });
      });
      return [...next, ...state.flatMap((slot) => [...slot])];
    };
    expect(run([0, 3, 4, 10])).toEqual(run([0, 10]));
  });
});

describe('the client’s part of FedProx', () => {
  it('adds what pulls the weights to the global model', () => {
    const gradient = new Float32Array([1, 1, 1]);
    proximalGradient(gradient, [2, 0, 5], [1, 1, 5], 0.5);
    expect([...gradient]).toEqual([1.5, 0.5, 1]);
    expect(() => proximalGradient(gradient, [1], [1, 1, 1], 0.5)).toThrow(RangeError);
  });

  it('is told by the server how strong that is', () => {
    expect(strategyOf('fedprox', { mu: 0.25 }).hyperparameters).toEqual({ mu: 0.25 });
    expect(strategyOf('fedavg').hyperparameters).toEqual({});
  });
});
