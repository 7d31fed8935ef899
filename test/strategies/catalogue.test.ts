import { describe, expect, it } from 'vitest';
import { createStrategy, strategyCatalogue, strategyNamed } from '../../src/strategies/catalogue.ts';
import { krumScores } from '../../src/strategies/krum.ts';
import { measurementsMax } from '../../src/strategies/strategy.ts';
import { strategyOf } from './drive.ts';

describe('the catalogue of strategies', () => {
  it('has a name once', () => {
    const names = strategyCatalogue.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(strategyCatalogue.map((definition) => ({ name: definition.name, definition })))(
    'makes $name from its defaults',
    ({ name, definition }) => {
      expect(strategyNamed(name)).toBe(definition);
      expect(createStrategy(definition, {}).kind).toBe('created');
    },
  );

  it('has none of another name', () => {
    expect(strategyNamed('fedsomething')).toBeNull();
  });

  it.each([
    ['krum', { byzantineMax: -1 }, 'byzantineMax'],
    ['krum', { byzantine: 1 }, 'byzantine'],
    ['fedavg', { clipNorm: 0 }, 'clipNorm'],
    ['fedadam', { tau: 0 }, 'tau'],
    ['fedavgm', { momentum: 2 }, 'momentum'],
    ['trimmed-mean', { trimCount: 0.5 }, 'trimCount'],
    ['rfa', { weighting: 'wealth' }, 'weighting'],
  ])('refuses %s with %j, and names the parameter', (name, given, setting) => {
    const definition = strategyNamed(name);
    expect(definition && createStrategy(definition, given)).toMatchObject({ kind: 'invalid', problems: [{ setting }] });
  });
});

describe('what a strategy needs', () => {
  it.each([
    ['fedavg', {}, 1],
    ['fedadam', {}, 1],
    ['fedmedian', {}, 1],
    ['rfa', {}, 1],
    ['krum', { byzantineMax: 0 }, 3],
    ['krum', { byzantineMax: 2 }, 7],
    ['multi-krum', { byzantineMax: 3 }, 9],
    ['bulyan', { byzantineMax: 0 }, 3],
    ['bulyan', { byzantineMax: 2 }, 11],
    ['trimmed-mean', { trimCount: 0 }, 1],
    ['trimmed-mean', { trimCount: 2 }, 5],
    ['trimmed-mean', { trimRatio: 0.1 }, 3],
  ])('%s with %j needs %i contributions, and says so when there is one less', (name, parameters, needed) => {
    const { precondition } = strategyOf(name, parameters);
    expect(precondition(needed)).toBeNull();
    expect(precondition(needed - 1)).toMatch(/need/);
  });

  it('is said in a sentence that names the numbers', () => {
    expect(strategyOf('krum', { byzantineMax: 2 }).precondition(5)).toBe(
      'krum with byzantineMax = 2 needs 7 contributions (more than 2 · byzantineMax + 2); there are 5.',
    );
    expect(strategyOf('trimmed-mean', { trimCount: 2 }).precondition(4)).toBe(
      'trimmed-mean takes away 2 contributions at each end, so it needs more than 4; there are 4.',
    );
    expect(strategyOf('multi-krum', { byzantineMax: 1, keepCount: 7 }).precondition(7)).toContain('lower keepCount');
  });

  it('is a bounded number of measurements', () => {
    const strategy = strategyOf('rfa', { iterations: measurementsMax });
    if (strategy.kind !== 'gathering') throw new Error('It is not gathering');
    const aggregation = strategy.aggregate([{ numExamples: 1, metrics: {}, deltaNorm: null }]);
    let measurements = 0;
    for (let next = aggregation.next(); !next.done; next = aggregation.next(new Float64Array(1))) measurements += 1;
    expect(measurements).toBe(measurementsMax);
  });
});

describe('Krum’s scores', () => {
  it('are the sums of the squared distances to the n − f − 2 nearest', () => {
    // On a line at 0, 1, 3 and 10.
    const places = [0, 1, 3, 10];
    const distances = Float64Array.from(places.flatMap((a) => places.map((b) => (a - b) ** 2)));
    expect([...krumScores(distances, 4, [0, 1, 2, 3], 0)]).toEqual([10, 5, 13, 130]);
    expect([...krumScores(distances, 4, [0, 2, 3], 0)]).toEqual([9, Number.POSITIVE_INFINITY, 9, 49]);
  });
});
