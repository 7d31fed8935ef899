import { afterEach, describe, expect, it } from 'vitest';
import { ChorusClient, type ProgressEvent, participate, type TrainingTask, tensor } from '../../src/client/index.ts';
import type { Plan } from '../../src/domain/plan.ts';
import { type Chorus, createChorus } from '../../src/index.ts';
import { decodeSafetensors } from '../../src/wire/safetensors.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Served {
  chorus: Chorus;
  url: string;
}

async function serve(plan: Partial<Plan>, ports = { coordinator: 0, aggregator: 0 }): Promise<Served> {
  const chorus = await createChorus({ plan, storage: 'memory' });
  closing.push(() => chorus.close({ graceMs: 0 }));
  const { coordinatorUrl: url } = await chorus.listen(ports);
  return { chorus, url };
}

/** Moves the weight half-way to `target`. */
const halfWayTo =
  (target: number) =>
  async ({ tensors }: TrainingTask) => {
    const weight = tensors?.w?.data[0] ?? 0;
    return { tensors: { w: tensor([weight + (target - weight) / 2]) }, numExamples: 1 };
  };

/** Takes part until the test is over; quick to try again, so that the test is quick. */
function join(
  url: string,
  train: (task: TrainingTask) => ReturnType<ReturnType<typeof halfWayTo>>,
  untilFinished = true,
) {
  const events: ProgressEvent[] = [];
  const aborter = new AbortController();
  const watchers = new Set<() => void>();
  const done = participate({
    url,
    train,
    untilFinished,
    signal: aborter.signal,
    retry: { delayMsBase: 20, delayMsMax: 100 },
    onProgress: (event) => {
      events.push(event);
      for (const watcher of [...watchers]) watcher();
    },
  });
  closing.push(() => {
    aborter.abort();
    return done.catch(() => undefined);
  });
  const saw = async (type: ProgressEvent['type'], times = 1): Promise<void> => {
    while (events.filter((event) => event.type === type).length < times) {
      await new Promise<void>((resolve) => watchers.add(resolve));
    }
  };
  return { done, events, aborter, saw };
}

async function weightsOf({ chorus }: Served): Promise<number[]> {
  const { bytes } = await chorus.handle.openModel('latest');
  return [...(decodeSafetensors(bytes).tensors.w?.data ?? [])];
}

describe('clients of a real server', () => {
  it('train a model together, each with the receipts that the server’s history has', async () => {
    const served = await serve({ rounds: 3, minClients: 3 });
    const clients = [1, 2, 6].map((target) => join(served.url, halfWayTo(target)));
    const participations = await Promise.all(clients.map(({ done }) => done));
    // A half, three quarters and seven eighths of the way to the mean of 3.
    expect(await weightsOf(served)).toEqual([2.625]);
    const history = served.chorus.handle.rounds().reverse();
    for (const { clientId, receipts, rounds, run } of participations) {
      const theirs = history.map(({ contributions }) => contributions.find((one) => one.clientId === clientId));
      expect(theirs).toMatchObject(receipts);
      expect(receipts.map(({ round }) => round)).toEqual([1, 2, 3]);
      expect(rounds).toMatchObject({ accepted: 3, refused: 0, missed: 0, over: 0, trainFailed: 0 });
      expect(run).toBe(served.chorus.handle.run()?.run);
    }
    // They have gone home.
    expect(served.chorus.handle.status()).toMatchObject({ runState: 'finished', population: 0 });
    // Held heartbeats: a few per client and round.
    expect(served.chorus.handle.metrics().heartbeatsTotal).toBeLessThan(3 * 3 * 6);
  });

  it('do not keep the others waiting when their training fails or their update is refused', async () => {
    const served = await serve({ rounds: 2, minClients: 4, quorum: 2 });
    const failing = join(served.url, () => Promise.reject(new Error('no data')));
    const diverging = join(served.url, async () => ({ tensors: { w: tensor([Number.NaN]) }, numExamples: 1 }));
    const good = [1, 3].map((target) => join(served.url, halfWayTo(target)));
    // Well within the five minutes that a round has for training.
    for (const { done } of good) expect((await done).receipts).toHaveLength(2);
    expect((await failing.done).rounds.trainFailed).toBeGreaterThan(0);
    expect((await diverging.done).rounds.refused).toBeGreaterThan(0);
    expect(diverging.events).toContainEqual(expect.objectContaining({ type: 'refused', code: 'NOT_FINITE' }));
    const [record] = served.chorus.handle.rounds();
    expect(record?.contributions).toHaveLength(2);
  });

  it('deliver what they trained while the aggregator restarted', async () => {
    const served = await serve({ rounds: 1, minClients: 1 });
    const client = join(served.url, async (task) => {
      served.chorus.killAggregator();
      return halfWayTo(2)(task);
    });
    expect((await client.done).receipts).toHaveLength(1);
    expect(client.events.filter(({ type }) => type === 'selected')).toHaveLength(1);
    expect(await weightsOf(served)).toEqual([1]);
  });

  it('ride out a restart of the whole server, register again, and end the run', async () => {
    const first = await serve({ rounds: 100, minClients: 2 });
    const clients = [1, 3].map((target) => join(first.url, halfWayTo(target)));
    await Promise.all(clients.map(({ saw }) => saw('uploaded')));
    const ports = { coordinator: Number(new URL(first.url).port), aggregator: 0 };
    await first.chorus.close({ graceMs: 0 });
    await Promise.all(clients.map(({ saw }) => saw('retrying')));
    const second = await serve({ rounds: 2, minClients: 2 }, ports);
    for (const { done, events } of clients) {
      const { receipts, clientId } = await done;
      expect(events.some(({ type }) => type === 'reregistered')).toBe(true);
      expect(receipts.slice(-2).map((receipt) => receipt.clientId)).toEqual([clientId, clientId]);
    }
    expect(await weightsOf(second)).toEqual([1.5]);
  });

  it('stop training when they are out of the round', async () => {
    const served = await serve({ rounds: 1, minClients: 1 });
    let aborted: unknown = null;
    const client = join(served.url, async ({ signal, clientId }) => {
      const over = new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      served.chorus.handle.evict(clientId);
      await over;
      aborted = signal.reason;
      throw signal.reason;
    });
    await client.saw('roundOver');
    expect(aborted).toMatchObject({ name: 'RoundOver' });
    expect(served.chorus.handle.status()).toMatchObject({ population: 1, counts: { training: 0, ignored: 1 } });
  });

  it('leave when they are told to, and the server knows at once', async () => {
    const served = await serve({ rounds: 1, minClients: 2 });
    const client = join(served.url, halfWayTo(1));
    await client.saw('registered');
    expect(served.chorus.handle.status().population).toBe(1);
    client.aborter.abort(new Error('home time'));
    await expect(client.done).rejects.toThrow('home time');
    expect(served.chorus.handle.status().population).toBe(0);
  });

  it('stay for the next run when they are told to', async () => {
    const served = await serve({ rounds: 1, minClients: 2 });
    const clients = [1, 3].map((target) => join(served.url, halfWayTo(target), false));
    await Promise.all(clients.map(({ saw }) => saw('finished')));
    served.chorus.handle.startRun({ rounds: 2 });
    await Promise.all(clients.map(({ saw }) => saw('finished', 2)));
    for (const { done, aborter } of clients) {
      aborter.abort();
      expect((await done).receipts.map(({ round }) => round)).toEqual([1, 1, 2]);
    }
  });

  it('get through many quick rounds', async () => {
    const served = await serve({ rounds: 15, minClients: 4 });
    const clients = [1, 2, 3, 4].map((target) => join(served.url, halfWayTo(target)));
    for (const { done } of clients) expect((await done).rounds).toMatchObject({ accepted: 15, missed: 0, over: 0 });
    expect(served.chorus.handle.status().roundsTotal).toBe(15);
  });
});

it('the calls, one by one, are those of the real server', async () => {
  const { chorus, url } = await serve({ rounds: 1, minClients: 1, hyperparameters: { epochs: 3 } });
  const client = new ChorusClient({ url });
  expect(await client.status()).toMatchObject({ runState: 'running', round: 1 });
  const { clientId } = await client.rendezvous({ name: 'ward 7', attributes: { beds: 12 } });
  expect(chorus.handle.client(clientId)).toMatchObject({ name: 'ward 7', attributes: { beds: 12 } });
  const beat = await client.heartbeat({ waitSeconds: 5, known: { state: 'standby', round: 0 } });
  expect(beat).toMatchObject({ state: 'selected', round: 1 });
  const ticket = await client.startTraining();
  expect(ticket).toMatchObject({
    clientId,
    round: 1,
    modelVersion: null,
    hyperparameters: { epochs: 3 },
    serverAheadMs: 0,
  });
  expect((await client.startTraining()).trainingToken).toBe(ticket.trainingToken);
  expect(await client.downloadModel(ticket)).toBeNull();
  const update = { tensors: { w: tensor([1]) }, numExamples: 7, metrics: { loss: 0.5 } };
  const receipt = await client.upload(ticket, update);
  expect(receipt).toMatchObject({ round: 1, clientId, numExamples: 7 });
  expect(await client.upload(ticket, update)).toEqual(receipt);
  await expect(client.upload(ticket, { ...update, numExamples: 8 })).rejects.toMatchObject({ code: 'UPDATE_CONFLICT' });
  expect(await client.heartbeat({ waitSeconds: 5, known: { state: 'standby', round: 1 } })).toMatchObject({
    state: 'finished',
  });
  await expect(client.startTraining()).rejects.toMatchObject({ code: 'CLIENT_NOT_SELECTED', status: 409 });
  expect((await client.rendezvous()).clientId).toBe(clientId);
  await client.leave();
  expect(() => chorus.handle.client(clientId)).toThrow();
});
