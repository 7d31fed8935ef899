import { readFileSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Credential } from '../../src/domain/aggregation.ts';
import { seededRandom, uuidsFrom } from '../../src/domain/random.ts';
import { expectProblem } from '../http/calls.ts';
import { folderForTest } from '../support/folder.ts';
import { randomUpdate } from './support/random-updates.ts';
import { credentialOf, modelOf, open, serviceWith, upload } from './support/service.ts';
import { TestAggregator } from './support/test-aggregator.ts';

const random = seededRandom(11);
const uuid = uuidsFrom(random);
const clients: Credential[] = Array.from({ length: 6 }, () => credentialOf(uuid()));
const updates = new Map(clients.map(({ clientId }) => [clientId, randomUpdate(random, 1 + random.below(100))]));
const updateOf = ({ clientId }: Credential): Uint8Array => updates.get(clientId) ?? new Uint8Array(0);
const [first, second, third] = clients as [Credential, Credential, Credential];

/** The model that an aggregator makes to which nothing happens. */
const unbroken = (async () => {
  const ids = clients.map(({ clientId }) => clientId);
  const service = serviceWith();
  await open(service, ids);
  for (const client of clients) await upload(service, client.clientId, updateOf(client));
  return modelOf(service, ids);
})();

async function contribute(aggregator: TestAggregator, members: readonly Credential[]): Promise<void> {
  for (const client of members)
    expect(await aggregator.upload(client, updateOf(client))).toMatchObject({ status: 200 });
}

const fileOf = (dir: string, attempt = 1) => join(dir, 'staged', `run-1-${attempt}.updates`);

/** Flips one bit of what is staged. */
function damage(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 4;
  writeFileSync(path, bytes);
}

describe('an aggregator whose thread dies in a round', () => {
  it('goes on with all it had accepted, and makes a model of the same bits as if nothing had happened', async () => {
    const aggregator = await TestAggregator.start(folderForTest());
    await aggregator.open(clients);
    for (const some of [clients.slice(0, 1), clients.slice(1, 5), clients.slice(5)]) {
      await contribute(aggregator, some);
      await aggregator.kill();
      await aggregator.untilBack();
    }
    const again = await aggregator.upload(first, updateOf(first));
    expect(again).toMatchObject({ status: 200, json: { receipt: aggregator.accepted[0]?.receipt } });
    expectProblem(await aggregator.upload(first, updateOf(second)), 'UPDATE_CONFLICT');
    expect(await aggregator.model()).toEqual(await unbroken);
    expect(aggregator.updatesLost).toEqual([]);
  });

  it('lets nobody in again who was taken out before', async () => {
    const aggregator = await TestAggregator.start(folderForTest());
    await aggregator.open(clients);
    await contribute(aggregator, [first]);
    await aggregator.actor.revoke(second.clientId);
    await aggregator.kill();
    await aggregator.actor.revoke(third.clientId);
    await aggregator.untilBack();
    expectProblem(await aggregator.upload(second, updateOf(second)), 'UPDATE_DISCARDED');
    expectProblem(await aggregator.upload(third, updateOf(third)), 'UPDATE_DISCARDED');
    await contribute(aggregator, clients.slice(3));
  });

  it('gives the round up when what is staged was damaged, and takes the next attempt', async () => {
    const dir = folderForTest();
    const aggregator = await TestAggregator.start(dir);
    await aggregator.open(clients);
    await contribute(aggregator, [first, second]);
    aggregator.onLost = () => damage(fileOf(dir), (aggregator.accepted[1]?.staged.at ?? 0) + 900);
    await aggregator.kill();
    await aggregator.untilBack();
    expect(aggregator.updatesLost).toEqual([expect.stringContaining(`client ${second.clientId} is lost`)]);
    expect(aggregator.actor.restarts).toBe(1);
    expectProblem(await aggregator.upload(third, updateOf(third)), 'UPDATE_DISCARDED');
    const anew = clients.map(({ clientId }) => credentialOf(clientId, { attempt: 2 }));
    await aggregator.open(anew, { attempt: 2 });
    await contribute(aggregator, anew);
    expect(await aggregator.model(2)).toEqual(await unbroken);
    expect(await readdir(join(dir, 'staged'))).toEqual(['run-1-2.updates']);
  });
});

describe('an aggregator whose thread dies over the sum', () => {
  it.each([
    ['at once', async () => undefined],
    ['when it is back', (aggregator: TestAggregator) => aggregator.untilBack()],
    ['when it is lost once more', (aggregator: TestAggregator) => aggregator.untilBack().then(() => aggregator.kill())],
  ])('is given the round again, and makes the same model: %s', async (_, wait) => {
    const aggregator = await TestAggregator.start(folderForTest());
    await aggregator.open(clients);
    await contribute(aggregator, clients);
    const closing = aggregator.close();
    aggregator.actor.kill();
    expect(await closing).toMatchObject({ kind: 'refused', code: 'AGGREGATOR_UNAVAILABLE' });
    await wait(aggregator);
    expect(await aggregator.openAgain(clients)).toMatchObject({ kind: 'ok' });
    expect(await aggregator.model()).toEqual(await unbroken);
    await aggregator.openAgain(clients);
    expect(await aggregator.model()).toEqual(await unbroken);
  });

  it('while it takes the round up again sums it as soon as it can', async () => {
    const aggregator = await TestAggregator.start(folderForTest());
    await aggregator.open(clients);
    await contribute(aggregator, clients);
    await aggregator.kill();
    expect(['restarting', 'starting', 'resuming']).toContain(aggregator.actor.state);
    expect(await aggregator.model()).toEqual(await unbroken);
  });
});

describe('an aggregator of the next process', () => {
  it('goes on with the round, knows the tokens of earlier ones, and removes what it needs no more', async () => {
    const dir = folderForTest();
    const before = await TestAggregator.start(dir);
    await before.open(clients);
    await contribute(before, clients.slice(0, 4));
    await before.end();
    expect(await readdir(join(dir, 'staged'))).toEqual(['run-1-1.updates']);
    const late = credentialOf(first.clientId, { attempt: 7 });
    const next = await TestAggregator.start(dir, [late]);
    next.accepted = before.accepted;
    expectProblem(await next.upload(late, updateOf(first)), 'UPDATE_DISCARDED');
    expectProblem(await next.upload(first, updateOf(first)), 'TRAINING_TOKEN_INVALID');
    expect(await next.openAgain(clients)).toMatchObject({ kind: 'ok' });
    await contribute(next, clients.slice(4));
    expect(await next.model()).toEqual(await unbroken);
    expect(await next.actor.releaseUpdates()).toMatchObject({ kind: 'ok' });
    expect(await readdir(join(dir, 'staged'))).toEqual([]);
    await next.kill();
    await next.untilBack();
    expectProblem(await next.upload(late, updateOf(first)), 'UPDATE_DISCARDED');
    expectProblem(await next.upload(first, updateOf(first)), 'UPDATE_DISCARDED');
  });
});
