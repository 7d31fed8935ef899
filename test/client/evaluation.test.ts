import { afterEach, describe, expect, it } from 'vitest';
import {
  type EvaluateModel,
  type ParticipateOptions,
  type ProgressEvent,
  participate,
  type TrainingTask,
  tensor,
} from '../../src/client/index.ts';
import type { Plan } from '../../src/domain/plan.ts';
import { type Chorus, createChorus } from '../../src/index.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function serve(plan: Partial<Plan>): Promise<{ chorus: Chorus; url: string }> {
  const chorus = await createChorus({ plan: { evaluateEvery: 1, ...plan }, storage: 'memory' });
  closing.push(() => chorus.close({ graceMs: 0 }));
  const { coordinatorUrl: url } = await chorus.listen({ coordinator: 0, aggregator: 0 });
  return { chorus, url };
}

/** Moves the weight by one. */
const train = async ({ tensors }: TrainingTask) => ({
  tensors: { w: tensor([(tensors?.w?.data[0] ?? 0) + 1]) },
  numExamples: 1,
});

/** How far the weight is from three. */
const measure: EvaluateModel = ({ tensors }) => ({
  numExamples: 2,
  metrics: { distance: Math.abs(3 - (tensors.w?.data[0] ?? 0)) },
});

function join(url: string, options: Partial<ParticipateOptions> = {}) {
  const events: ProgressEvent[] = [];
  const aborter = new AbortController();
  const done = participate({
    url,
    train,
    signal: aborter.signal,
    retry: { delayMsBase: 20, delayMsMax: 100 },
    onProgress: (event) => events.push(event),
    ...options,
  });
  closing.push(() => {
    aborter.abort();
    return done.catch(() => undefined);
  });
  return { done, events };
}

const evaluationsOf = (chorus: Chorus) => chorus.handle.models().map(({ evaluations }) => evaluations);

describe('clients that can evaluate', () => {
  it('train and evaluate in turn, until the goal of the run is reached', async () => {
    const plan = { rounds: 10, minClients: 3, stopMetric: 'distance', stopDirection: 'min', stopTarget: 0 } as const;
    const { chorus, url } = await serve(plan);
    const able = [join(url, { evaluate: measure }), join(url, { evaluate: measure })];
    const other = join(url);
    for (const { done, events } of able) {
      const { rounds, receipts } = await done;
      expect(rounds).toMatchObject({ accepted: 3, evaluated: 3, missed: 0, over: 0 });
      expect(receipts).toHaveLength(3);
      const told = events.filter(({ type }) => type === 'evaluated' || type === 'reported');
      expect(told.map(({ type }) => type)).toEqual([
        'evaluated',
        'reported',
        'evaluated',
        'reported',
        'evaluated',
        'reported',
      ]);
      expect(told.slice(-2)).toMatchObject([
        { round: 3, modelVersion: 3, numExamples: 2, metrics: { distance: 0 } },
        { receipt: { round: 3, numExamples: 2 } },
      ]);
    }
    expect((await other.done).rounds).toMatchObject({ accepted: 3, evaluated: 0 });
    expect(other.events.some((event) => event.type === 'selected' && event.task === 'evaluate')).toBe(false);
    expect(evaluationsOf(chorus)).toMatchObject([2, 1, 0].map((distance) => [{ metrics: { distance }, clients: 2 }]));
    expect(chorus.handle.run()).toMatchObject({ state: 'finished', roundsCommitted: 3, bestVersion: 3 });
  });

  it('do not keep the others waiting when their evaluation fails or is refused, and train on', async () => {
    const { chorus, url } = await serve({ rounds: 2, minClients: 4 });
    const failing = join(url, { evaluate: () => Promise.reject(new Error('no data')) });
    const wrong = join(url, { evaluate: () => ({ numExamples: 1, metrics: { loss: Number.NaN } }) });
    const good = [join(url, { evaluate: measure }), join(url, { evaluate: measure })];
    // Well within the minute that an evaluation may take.
    for (const { done } of good) expect((await done).rounds).toMatchObject({ accepted: 2, evaluated: 2 });
    for (const { done, events } of [failing, wrong]) {
      expect((await done).rounds).toMatchObject({ accepted: 2, evaluateFailed: 2, evaluated: 0 });
      expect(events.some(({ type }) => type === 'evaluateFailed')).toBe(true);
    }
    expect(evaluationsOf(chorus)).toMatchObject([[{ clients: 2, failure: null }], [{ clients: 2, failure: null }]]);
  });

  it('stop measuring when the evaluation is over', async () => {
    const { chorus, url } = await serve({ rounds: 1, minClients: 1, evaluationWindowMs: 300 });
    let reason: unknown = null;
    const slow = join(url, {
      evaluate: async ({ signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        reason = signal.reason;
        throw signal.reason;
      },
    });
    expect((await slow.done).rounds).toMatchObject({ accepted: 1, over: 1 });
    expect(reason).toMatchObject({ name: 'RoundOver' });
    expect(evaluationsOf(chorus)).toMatchObject([[{ failure: expect.stringMatching(/^0 of the 1 results/) }]]);
  });

  it('measure the model again after the aggregator was lost over it', async () => {
    const { chorus, url } = await serve({ rounds: 1, minClients: 1 });
    const client = join(url, {
      evaluate: async (task) => {
        chorus.killAggregator();
        return measure(task);
      },
    });
    expect((await client.done).rounds).toMatchObject({ accepted: 1, evaluated: 1 });
    expect(evaluationsOf(chorus)).toMatchObject([[{ clients: 1, failure: null }]]);
  });
});

it('refuses an evaluate that is no function', async () => {
  const options = { url: 'http://127.0.0.1:1', train, evaluate: 'measure' as never };
  await expect(participate(options)).rejects.toThrow('evaluate is no function');
});
