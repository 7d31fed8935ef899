import { describe, expect, it } from 'vitest';
import { inlineFoldPool } from '../../src/aggregator/inline-pool.ts';
import type { Aggregation } from '../../src/aggregator/service.ts';
import type { Recovered, RoundOrder } from '../../src/domain/aggregation.ts';
import { seededRandom } from '../../src/domain/random.ts';
import { codeOf } from '../support/code-of.ts';
import { MemoryUpdateStore, systemError } from './support/memory-update-store.ts';
import { randomUpdate } from './support/random-updates.ts';
import {
  acceptingAll,
  credentialOf,
  modelOf,
  open,
  order,
  serviceWith,
  settle,
  updateOf,
  upload,
} from './support/service.ts';

const clients = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k'];

/** Updates of all clients. Some bring no weight: the first two, and one in the middle. */
function randomUpdates(seed: number): Map<string, Uint8Array> {
  const random = seededRandom(seed);
  const weightOf = (client: string) => (['a', 'b', 'f'].includes(client) ? 0 : 1 + random.below(1_000));
  return new Map(clients.map((client) => [client, randomUpdate(random, weightOf(client))]));
}

const give = (service: Aggregation, client: string, updates: Map<string, Uint8Array>) =>
  upload(service, client, updates.get(client) ?? new Uint8Array(0), { allowZeroExamples: true });

const recoveredOf = (contributions: Recovered['contributions']): Recovered => ({
  credentials: clients.map((client) => credentialOf(client)),
  contributions,
});

/** A service that dies after it has accepted these clients' updates, and what it leaves. */
async function leftBy(accepted: readonly string[], updates: Map<string, Uint8Array>, about: Partial<RoundOrder> = {}) {
  const store = new MemoryUpdateStore();
  const { callbacks, contributions } = acceptingAll();
  const service = serviceWith(callbacks, { updates: store });
  await open(service, clients, about);
  for (const client of accepted) await give(service, client, updates);
  return { store, contributions };
}

describe('a round that is opened again', () => {
  const updates = randomUpdates(7);
  const unbroken = (async () => {
    const service = serviceWith();
    await open(service, clients);
    for (const client of clients) await give(service, client, updates);
    return modelOf(service, clients);
  })();

  it.each(clients.map((_, accepted) => accepted).concat(clients.length))(
    'with %i updates accepted makes a model of the same bits as if nothing had happened',
    async (accepted) => {
      const { store, contributions } = await leftBy(clients.slice(0, accepted), updates);
      const service = serviceWith(acceptingAll().callbacks, { updates: store });
      expect(await service.openRound(order, recoveredOf(contributions))).toEqual({ kind: 'ok', value: null });
      for (const client of clients.slice(accepted)) await give(service, client, updates);
      expect(await modelOf(service, clients)).toEqual(await unbroken);
      expect(service.stats().stagedBytes).toBe(0);
    },
  );

  it('has the same bits also when updates came all at once, and when it breaks off twice', async () => {
    const store = new MemoryUpdateStore();
    const { callbacks, contributions } = acceptingAll();
    const first = serviceWith(callbacks, { updates: store });
    await open(first, clients);
    await Promise.all(clients.slice(0, 5).map((client) => give(first, client, updates)));
    const second = serviceWith(callbacks, { updates: store });
    expect(await second.openRound(order, recoveredOf([...contributions]))).toMatchObject({ kind: 'ok' });
    await Promise.all(clients.slice(5).map((client) => give(second, client, updates)));
    const inOrder = contributions.map(({ receipt }) => receipt.clientId);
    const model = await modelOf(second, inOrder);
    const third = serviceWith(callbacks, { updates: store });
    expect(await third.openRound(order, recoveredOf(contributions))).toMatchObject({ kind: 'ok' });
    expect(await modelOf(third, inOrder)).toEqual(model);
  });

  it('has the same bits also when the disk gives later updates first', async () => {
    const { store, contributions } = await leftBy(clients, updates);
    const read = store.read.bind(store);
    let turns = 12;
    store.read = async (place, into) => {
      turns -= 1;
      for (let turn = turns; turn > 0; turn -= 1) await settle();
      await read(place, into);
    };
    const service = serviceWith({}, { updates: store });
    expect(await service.openRound(order, recoveredOf(contributions))).toMatchObject({ kind: 'ok' });
    expect(await modelOf(service, clients)).toEqual(await unbroken);
  });

  it('has the same bits on top of a model, for deltas', async () => {
    const base = randomUpdate(seededRandom(3), 1);
    const bytes = new SharedArrayBuffer(base.byteLength);
    new Uint8Array(bytes).set(base);
    const info = { version: 4, run: 'run', round: 0, sha256: '', bytes: base.byteLength, createdAtMs: 0 };
    const model = { info: { ...info, contributions: 0, numExamples: 0, metrics: {} }, bytes };
    const about = { updateKind: 'deltas', modelVersion: 4 } as const;
    const store = new MemoryUpdateStore();
    const { callbacks, contributions } = acceptingAll();
    const models = [];
    for (let life = 0; life < 2; life += 1) {
      const service = serviceWith(callbacks, { updates: store });
      await service.publish(model);
      await service.openRound({ ...order, ...about }, recoveredOf(contributions));
      for (const client of life === 0 ? clients : []) await give(service, client, updates);
      models.push(await modelOf(service, clients));
    }
    expect(models[1]).toEqual(models[0]);
  });

  it('takes an update again that was at its norm bound to the last bit', async () => {
    const update = updateOf(3);
    const { callbacks, contributions } = acceptingAll();
    const store = new MemoryUpdateStore();
    const first = serviceWith(callbacks, { updates: store });
    await open(first, ['a'], { updateNormMax: 3 });
    await upload(first, 'a', update);
    const again = serviceWith(callbacks, { updates: store });
    const answer = await again.openRound({ ...order, updateNormMax: 3 - 2 ** -51 }, recoveredOf(contributions));
    expect(answer).toMatchObject({ kind: 'ok' });
  });

  it('knows whose update it has: the same bytes get the same receipt, others conflict, and the rest may upload', async () => {
    const { store, contributions } = await leftBy(['c'], updates);
    const service = serviceWith(acceptingAll().callbacks, { updates: store });
    await service.openRound(order, recoveredOf(contributions));
    expect(await give(service, 'c', updates)).toEqual(contributions[0]?.receipt);
    expect(await codeOf(() => upload(service, 'c', updates.get('d') ?? new Uint8Array(0)))).toBe('UPDATE_CONFLICT');
    expect(store.puts).toBe(1);
    expect(service.beginDownload({ round: 1, trainingToken: credentialOf('c').trainingToken })).toBeNull();
    await give(service, 'd', updates);
    expect(await modelOf(service, ['c', 'd'])).not.toHaveLength(0);
  });

  it('of more updates than memory holds reads them one after another', async () => {
    const { store, contributions } = await leftBy(clients, updates);
    const bytes = contributions[0]?.staged.bytes ?? 0;
    let stagedBytesMax = 0;
    const pool = {
      ...inlineFoldPool,
      inspect: (task: Parameters<typeof inlineFoldPool.inspect>[0]) => {
        stagedBytesMax = Math.max(stagedBytesMax, service.stats().stagedBytes);
        return inlineFoldPool.inspect(task);
      },
    };
    const service: Aggregation = serviceWith({}, { updates: store, pool, stagingBytesMax: 2 * bytes });
    expect(await service.openRound(order, recoveredOf(contributions))).toMatchObject({ kind: 'ok' });
    expect(stagedBytesMax).toBeGreaterThan(bytes);
    expect(stagedBytesMax).toBeLessThanOrEqual(2 * bytes);
    expect(await modelOf(service, clients)).toEqual(await unbroken);

    const tiny = serviceWith({}, { updates: store, stagingBytesMax: 1 });
    expect(await tiny.openRound(order, recoveredOf(contributions))).toMatchObject({ kind: 'ok' });
    expect(await modelOf(tiny, clients)).toEqual(await unbroken);
  });

  it.each([
    ['a flipped bit', (bytes: Uint8Array) => bytes.fill((bytes.at(-1) ?? 0) ^ 1, bytes.length - 1)],
    ['a head that is none', (bytes: Uint8Array) => bytes.fill(255, 0, 8)],
  ])('is refused when staged bytes have %s, and the next attempt works', async (_, damage) => {
    const { store, contributions } = await leftBy(clients, updates);
    const damaged = contributions[6];
    damage(store.staged.get(damaged?.staged.at ?? -1) ?? new Uint8Array(0));
    const service = serviceWith(acceptingAll().callbacks, { updates: store });
    const answer = await service.openRound(order, recoveredOf(contributions));
    expect(answer).toMatchObject({
      kind: 'refused',
      code: 'STAGED_UPDATES_LOST',
      detail: expect.stringMatching(/client g is lost: its bytes are damaged/),
    });
    expect(service.stats().stagedBytes).toBe(0);
    expect(await codeOf(() => give(service, 'a', updates))).toBe('TRAINING_TOKEN_INVALID');
    await open(service, ['a', 'b'], { attempt: 2 });
    await upload(service, 'a', 1, { attempt: 2 });
    await upload(service, 'b', 3, { attempt: 2 });
    expect(await modelOf(service, ['a', 'b'], { attempt: 2 })).not.toHaveLength(0);
    expect([...store.files.keys()]).toEqual(['run-1-2']);
  });

  it('is refused when an update is missing, was another one, or has another weight than its receipt', async () => {
    const { store, contributions } = await leftBy(['c', 'd', 'e'], updates);
    const [c, d, e] = contributions as [Contribution, Contribution, Contribution];
    const lost = async (given: Recovered['contributions'], why: RegExp) =>
      expect(await serviceWith({}, { updates: store }).openRound(order, recoveredOf(given))).toMatchObject({
        code: 'STAGED_UPDATES_LOST',
        detail: expect.stringMatching(why),
      });
    await lost([c, { ...d, staged: { at: d.staged.at + 1, bytes: d.staged.bytes } }, e], /client d .*not all there/);
    await lost([c, { ...d, staged: e.staged }, e], /client d .*SHA-256/);
    await lost([c, d, { ...e, receipt: { ...e.receipt, numExamples: 5_000 } }], /client e .*num_examples/);
    store.read = () => Promise.reject(systemError('EIO'));
    await lost([c], /client c is lost: it cannot be read: EIO/);
    expect(await serviceWith().openRound(order, recoveredOf([c]))).toMatchObject({ code: 'STAGED_UPDATES_LOST' });
  });

  it('in the same life of the service lets everybody in again', async () => {
    const { callbacks, contributions } = acceptingAll();
    const store = new MemoryUpdateStore();
    const service = serviceWith(callbacks, { updates: store });
    await open(service, clients);
    await give(service, 'c', updates);
    const model = await modelOf(service, ['c']);
    expect(await codeOf(() => give(service, 'd', updates))).toBe('UPDATE_DISCARDED');
    expect(await service.openRound(order, recoveredOf(contributions))).toMatchObject({ kind: 'ok' });
    expect(await give(service, 'c', updates)).toEqual(contributions[0]?.receipt);
    expect(await modelOf(service, ['c'])).toEqual(model);
    await service.openRound(order, recoveredOf(contributions));
    await give(service, 'd', updates);
    expect(await modelOf(service, ['c', 'd'])).not.toEqual(model);
  });

  it.each(['abandoned', 'begun anew'])('ends at once when it is %s while it is read back', async (how) => {
    const { store, contributions } = await leftBy(clients, updates);
    let proceed: (value: null) => void = () => undefined;
    const service = serviceWith(acceptingAll().callbacks, { updates: store });
    store.delay = new Promise((resolve) => {
      proceed = resolve;
    });
    const opening = service.openRound(order, recoveredOf(contributions));
    await settle();
    const next = how === 'abandoned' ? service.abandonRound() : service.openRound({ ...order, attempt: 2 }, null);
    await settle();
    proceed(null);
    expect(await opening).toMatchObject({ kind: 'refused', code: 'UPDATE_DISCARDED' });
    expect(await next).toMatchObject({ kind: 'ok' });
    expect(service.stats().stagedBytes).toBe(0);
    const admitted = await service.admit(credentialOf('a', { attempt: 2 }));
    expect(admitted.kind).toBe(how === 'abandoned' ? 'refused' : 'ok');
    expect([...store.files.keys()]).toEqual(how === 'abandoned' ? [] : ['run-1-2']);
  });
});

type Contribution = Recovered['contributions'][number];
