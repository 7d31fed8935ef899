import { expect, it } from 'vitest';
import { openingWindowMs } from '../../src/machines/coordinator.setup.ts';
import { TestChorus, type TestClient, vector } from '../../src/testing/index.ts';

it('gives the aggregator the whole window to open a round, however long the one before it took', async () => {
  const test = await TestChorus.create({ plan: { rounds: 2, minClients: 1, trainingWindowMs: 300_000 } });
  const [client] = (await test.joinMany(1)) as [TestClient];
  await client.start();
  await test.advance(4 * openingWindowMs, { alive: [client], stepMs: 1_000 });
  test.events.length = 0;
  await client.upload(vector([1]));
  await test.settle();
  const opening = test.events.find(({ type, data }) => type === 'phase' && data.phase === 'opening');
  expect(opening?.data.deadlineAtMs).toBe(test.nowMs + openingWindowMs);
  expect(test.handle.status()).toMatchObject({ round: 2, attempt: 1, phase: 'training' });
});
