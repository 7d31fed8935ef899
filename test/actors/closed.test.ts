import { expect, it } from 'vitest';
import { TestChorus, type TestClient } from '../../src/testing/index.ts';
import { MemoryDisk } from '../history/support/memory-disk.ts';

const inTraining = async () => {
  const fatal: unknown[] = [];
  const test = await TestChorus.create({
    plan: { minClients: 2 },
    storage: { disk: new MemoryDisk().faceFor(new AbortController().signal) },
    onFatal: (error) => fatal.push(error),
  });
  const [first] = (await test.joinMany(2)) as [TestClient, TestClient];
  await first.start();
  return { test, first, fatal };
};

it.each([
  ['leave', ({ handle }: TestChorus, clientId: string) => handle.leave(clientId)],
  ['be evicted', ({ handle }: TestChorus, clientId: string) => handle.evict(clientId)],
])('lets no client %s once it is closed, for nothing can be written any more', async (_, act) => {
  const { test, first, fatal } = await inTraining();
  await test.chorus.close();
  const { counts } = test.handle.status();
  expect(() => act(test, first.clientId)).toThrow(expect.objectContaining({ code: 'SHUTTING_DOWN' }));
  expect(test.handle.status().counts).toEqual(counts);
  expect(fatal).toEqual([]);
});

it('lets a client leave while uploads under way still end', async () => {
  const { test, first, fatal } = await inTraining();
  const closed = test.chorus.close();
  test.handle.leave(first.clientId);
  await closed;
  expect(test.handle.status().population).toBe(1);
  expect(fatal).toEqual([]);
});
