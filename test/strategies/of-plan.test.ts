import { describe, expect, it } from 'vitest';
import { fedavgChoice } from '../../src/domain/strategy-choice.ts';
import { readRunPlan, strategyOf } from '../../src/strategies/of-plan.ts';
import { TestChorus, vector } from '../../src/testing/test-chorus.ts';
import { encodeSafetensors } from '../../src/wire/safetensors.ts';

const problemsOf = (given: Record<string, unknown>) => readRunPlan(given).problems;

describe('a plan with a strategy', () => {
  it('means FedAvg when it names none', () => {
    const { plan, problems } = readRunPlan({});
    expect([plan.strategy, plan.strategyParameters, problems]).toEqual(['fedavg', {}, []]);
  });

  it.each([
    [{ strategy: 'fedsomething' }, 'strategy', 'one of fedavg, fedavgm'],
    [
      { strategy: 'krum', strategyParameters: { byzantineMax: 0.5 }, quorum: 9, minClients: 9 },
      'strategyParameters',
      'strategyParameters (--strategy-parameters) of krum: byzantineMax is 0.5; give a whole number',
    ],
    [{ strategyParameters: { momentum: 1 } }, 'strategyParameters', 'of fedavg: momentum is no setting'],
    [
      { strategy: 'krum', strategyParameters: { byzantineMax: 2 }, cohortSize: 6 },
      'quorum',
      'needs 7 contributions (more than 2 · byzantineMax + 2); there are 6. Raise --quorum',
    ],
    [{ strategyParameters: { clipNorm: 1 } }, 'initialModel', '"fedavg" with clipNorm, which needs a model'],
    [{ strategy: 'q-fedavg' }, 'initialModel', '"q-fedavg", which needs a model that updates are measured from'],
    [{ strategy: 'fednova' }, 'initialModel', '"fednova", which needs a model'],
    [
      { mode: 'buffered', cohortSize: 1, initialModel: 'upload' },
      'updateKind',
      'set updateKind (--update-kind) to "deltas", or strategy (--strategy) to "fedasync", which mixes full weights in',
    ],
    [{ strategy: 'fedasync', mode: 'buffered', cohortSize: 1 }, 'initialModel', '"fedasync", which needs a model'],
    [
      { strategy: 'fedmedian', mode: 'buffered', cohortSize: 3, updateKind: 'deltas', initialModel: 'upload' },
      'strategy',
      'but mode is "buffered"',
    ],
  ])('is refused with a sentence when it cannot work: %j', (given, setting, message) => {
    expect(problemsOf(given)).toEqual([{ setting, message: expect.stringContaining(message) }]);
  });

  it('takes full weights into a buffered run by fedasync', () => {
    const given = { strategy: 'fedasync', mode: 'buffered', cohortSize: 1, initialModel: 'upload' };
    expect(readRunPlan(given)).toMatchObject({ plan: { updateKind: 'weights' }, problems: [] });
  });

  it('takes default parameters for those of the default strategy only', () => {
    const defaults = { strategy: 'fedavgm', strategyParameters: { momentum: 0.5 } } as const;
    expect(readRunPlan({}, defaults).plan.strategyParameters).toEqual({ momentum: 0.5 });
    expect(readRunPlan({ strategy: 'fedadam' }, defaults)).toMatchObject({
      plan: { strategy: 'fedadam', strategyParameters: {} },
      problems: [],
    });
  });

  it('of before there was a choice is one with FedAvg', () => {
    expect(strategyOf(fedavgChoice)).toMatchObject({ kind: 'running', optimiser: null });
  });
});

describe('a round', () => {
  const begin = async (plan: Parameters<typeof TestChorus.create>[0]) => {
    const test = await TestChorus.create(plan);
    const { run } = test.handle.run() ?? {};
    if (plan?.plan?.initialModel === 'upload') {
      await test.handle.installModel(run ?? '', encodeSafetensors(vector([0, 0]), {}));
      await test.settle();
    }
    return test;
  };

  it('that does not meet what the strategy needs is not committed, and says why', async () => {
    // Three are enough, and four are not: two would be taken away at each end.
    const about = { strategy: 'trimmed-mean', strategyParameters: { trimRatio: 0.3 } } as const;
    const test = await begin({ plan: { minClients: 4, quorum: 3, attemptsMax: 1, ...about } });
    const clients = await test.joinMany(4);
    for (const client of clients) await client.contribute([1, 2]);
    await test.settle();
    expect(test.handle.models()).toEqual([]);
    expect(test.handle.rounds()[0]).toMatchObject({
      phase: 'abandoned',
      reason: expect.stringMatching(
        /^aggregationFailed: trimmed-mean takes away 2 contributions at each end.*there are 4/,
      ),
    });
    expect(test.handle.status().runState).toBe('paused');
    await test.chorus.close();
  });

  it('tells clients what the strategy wants of them, beside the plan’s hyperparameters', async () => {
    const about = { strategy: 'fedprox', strategyParameters: { mu: 0.25 } } as const;
    const test = await begin({ plan: { minClients: 1, hyperparameters: { rate: 0.1 }, ...about } });
    const client = await test.join();
    expect((await client.start()).hyperparameters).toEqual({ rate: 0.1, mu: 0.25 });
    await test.chorus.close();
  });

  it('refuses an update that lacks what the strategy needs, and takes it when it is sent again', async () => {
    const test = await begin({ plan: { minClients: 1, rounds: 1, strategy: 'fednova', initialModel: 'upload' } });
    const client = await test.join();
    await client.start();
    await expect(client.upload(vector([1, 1]))).rejects.toMatchObject({
      code: 'METRICS_INVALID',
      message: expect.stringContaining('"local_steps" is missing; fednova needs it'),
    });
    expect(client.state).toBe('training');
    await client.upload(vector([1, 1]), { metrics: { local_steps: 3 } });
    await test.settle();
    expect(test.handle.models()).toHaveLength(2);
    await test.chorus.close();
  });

  it('brings an update down to the norm that is allowed', async () => {
    const plan = { minClients: 1, rounds: 1, initialModel: 'upload', strategyParameters: { clipNorm: 5 } } as const;
    const test = await begin({ plan });
    const client = await test.join();
    await client.start();
    await client.upload(vector([30, 40]));
    await test.settle();
    expect([...((await test.model()).w?.data ?? [])]).toEqual([3, 4]);
    await test.chorus.close();
  });
});

describe('the filter of a plan', () => {
  it('is read with the rest, and what cannot be read names the setting and the place', () => {
    expect(problemsOf({ selectionFilter: 'attributes.region == "eu"' })).toEqual([]);
    expect(problemsOf({ selectionFilter: 'region == "eu"' })).toEqual([
      {
        setting: 'selectionFilter',
        message: expect.stringMatching(/--selection-filter\) cannot be read\. At character 1/),
      },
    ]);
  });
});
