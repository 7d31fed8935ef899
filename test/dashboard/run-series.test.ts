import { describe, expect, it } from 'vitest';
import { bestModel, bestVersions } from '../../dashboard/src/views/run/best-model.ts';
import {
  byRound,
  byteSeries,
  contributionSeries,
  exclusionSeries,
  metricNames,
  metricSeries,
  phaseSeries,
} from '../../dashboard/src/views/run/run-series.ts';
import type { RoundSummary } from '../../src/dashboard/contract.ts';
import type { Evaluator } from '../../src/domain/evaluation.ts';
import type { ModelEvaluation, ModelView } from '../../src/domain/model.ts';

const attempt = (given: Partial<RoundSummary>): RoundSummary => ({
  ...{ run: 'r', round: 1, kind: 'training', attempt: 1, phase: 'committed', openedAtMs: 0, trainingAtMs: 1_000 },
  ...{
    aggregatingAtMs: 3_000,
    endedAtMs: 3_500,
    target: 3,
    quorum: 2,
    cohort: 3,
    contributions: 3,
    used: null,
    strategy: null,
  },
  ...{ exclusions: {}, modelVersion: 1, reason: null, metrics: {}, numExamples: 3, bytesIn: null, bytesOut: null },
  ...given,
});
/** Round 1 was abandoned in training once; round 2 went well at once. */
const rounds = byRound([
  attempt({ phase: 'abandoned', contributions: 1, aggregatingAtMs: null, exclusions: { straggler: 2 } }),
  attempt({ attempt: 2, exclusions: { heartbeatTimeout: 1 } }),
  attempt({ round: 2, modelVersion: 2 }),
]);
const model = (version: number, metrics: Record<string, number>, given: Partial<ModelView> = {}): ModelView => ({
  ...{ version, run: 'r', round: version, sha256: '', bytes: 100, createdAtMs: 0, contributions: 1, numExamples: 1 },
  ...{ metrics, evaluations: [], best: false, ...given },
});
const evaluation = (by: Evaluator, metrics: Record<string, number>): ModelEvaluation => ({
  ...{ by, metrics, atMs: 0, numExamples: 1, clients: 1, failure: null },
});

describe('the charts of a run', () => {
  it('put all attempts at a round in one place, and their times together', () => {
    expect(phaseSeries(rounds).map(({ label, values }) => [label, values])).toEqual([
      ['selecting', [2, 1]],
      ['training', [4.5, 2]],
      ['aggregating', [0.5, 0.5]],
    ]);
  });

  it('tell contributions that counted from those of abandoned attempts', () => {
    expect(contributionSeries(rounds).map(({ values }) => values)).toEqual([
      [3, 3],
      [1, 0],
    ]);
    expect(contributionSeries(rounds.slice(1))).toHaveLength(1);
  });

  it('show the reasons for exclusions that occur, and no others', () => {
    expect(exclusionSeries(rounds).map(({ label, values }) => [label, values])).toEqual([
      ['lost', [1, 0]],
      ['stragglers', [2, 0]],
    ]);
  });

  it('begin with loss and accuracy', () => {
    const measured = attempt({ metrics: { auc: 1, accuracy: 1, loss: 1 } });
    expect(metricNames([measured])).toEqual(['loss', 'accuracy', 'auc']);
  });

  it('draw what was reported beside what was evaluated, with gaps where nothing was', () => {
    const two = [attempt({ metrics: { loss: 0.4 } }), attempt({ round: 2, modelVersion: 2, metrics: { loss: 0.3 } })];
    const models = [model(1, {}), model(2, {}, { evaluations: [evaluation('server', { loss: 0.5 })] })];
    expect(metricSeries(two, models, 'loss', 'accent').map(({ label, values }) => [label, values])).toEqual([
      ['in training', [0.4, 0.3]],
      ['evaluated by the server', [null, 0.5]],
    ]);
    expect(metricSeries(two, [], 'accuracy', 'accent')).toEqual([]);
  });

  it('estimate bytes from the size of the model only while the server does not count them', () => {
    const estimate = byteSeries(rounds, [model(1, {})]);
    expect(estimate.isEstimate).toBe(true);
    expect(estimate.series.map(({ values }) => values)).toEqual([
      [400, 300],
      [0, 300],
    ]);
    const counted = byteSeries(byRound([attempt({ bytesIn: 7, bytesOut: 8 })]), []);
    expect(counted).toMatchObject({ isEstimate: false, series: [{ values: [7] }, { values: [8] }] });
  });
});

describe('the best model', () => {
  it('is the most accurate, or else the one with the least loss', () => {
    const models = [model(1, { loss: 0.1, accuracy: 0.7 }), model(2, { loss: 0.3, accuracy: 0.9 })];
    expect(bestModel(models)).toMatchObject({ model: { version: 2 }, measure: { name: 'accuracy', value: 0.9 } });
    const byLoss = [model(1, { loss: 0.4 }), model(2, { loss: 0.2 }), model(3, { loss: 0.3 })];
    expect(bestModel(byLoss)).toMatchObject({ model: { version: 2 }, measure: { name: 'loss' } });
    expect(bestModel([model(1, { epochs: 3 })])).toBeNull();
  });

  it('is the one that the server ranks first, whatever else would speak for another', () => {
    const models = [model(1, { f1: 0.2, accuracy: 0.6 }, { best: true }), model(2, { f1: 0.1, accuracy: 0.9 })];
    expect(bestModel(models, 'f1')).toMatchObject({ model: { version: 1 }, measure: { name: 'f1', value: 0.2 } });
    expect([...bestVersions(models)]).toEqual([1]);
  });

  it('is sought among those that were evaluated, where any was', () => {
    const checked = { evaluations: [evaluation('clients', { accuracy: 0.7 })] };
    const models = [model(1, { accuracy: 0.8 }, checked), model(2, { accuracy: 0.95 })];
    expect(bestModel(models)).toMatchObject({ model: { version: 1 }, measure: { value: 0.7 } });
  });
});
