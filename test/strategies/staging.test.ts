import { expect, it, onTestFinished } from 'vitest';
import { TestChorus, vector } from '../../src/testing/test-chorus.ts';
import { encodeSafetensors } from '../../src/wire/safetensors.ts';
import { eventually } from '../http/calls.ts';
import { folderForTest } from '../support/folder.ts';

const plan = { rounds: 1, cohortSize: 5, quorum: 3, strategy: 'fedmedian', trainingWindowMs: 40_000 } as const;
const updates = [1, 2, 9, 4, 5].map((value) => encodeSafetensors(vector([value]), { num_examples: '1' }));
const stagingBytesMax = 3 * (updates[0]?.byteLength ?? 0);
const weightOf = async (test: TestChorus) => (await test.model()).w?.data[0];

it('a strategy that needs all updates at once has no use for memory when they are on the disk', async () => {
  const dir = folderForTest();
  const test = await TestChorus.create({ plan, stagingBytesMax, storage: { dir } });
  onTestFinished(() => test.chorus.close());
  const clients = await test.joinMany(5);
  for (const [index, client] of clients.entries()) {
    await eventually(() => client.state).toBe('selected');
    await client.start();
    await client.upload(updates[index] ?? new Uint8Array());
  }
  await eventually(() => test.handle.models().length).toBe(1);
  expect(await weightOf(test)).toBe(4);
  expect(test.handle.rounds()[0]?.contributions).toHaveLength(5);
});

it('in memory, what does not fit is refused for a while, and the round commits with those that did', async () => {
  const test = await TestChorus.create({ plan, stagingBytesMax });
  onTestFinished(() => test.chorus.close());
  const clients = await test.joinMany(5);
  for (const client of clients) await client.start();
  for (const [index, client] of clients.slice(0, 3).entries()) await client.upload(updates[index] ?? new Uint8Array());
  const refused = clients.slice(3).map((client, index) => client.upload(updates[3 + index] ?? new Uint8Array()));
  const refusals = Promise.allSettled(refused);
  await test.advance(25_000, { alive: clients, stepMs: 1_000 });
  for (const refusal of await refusals) {
    expect(refusal).toMatchObject({ reason: { code: 'STAGING_FULL', retryAfterMs: 1_000 } });
  }
  await test.advance(20_000, { alive: clients, stepMs: 1_000 });
  await eventually(() => test.handle.models().length).toBe(1);
  expect(await weightOf(test)).toBe(2);
  expect(test.handle.rounds()[0]?.contributions).toHaveLength(3);
  expect(test.chorus.gate?.stats().stagedBytes).toBe(0);
});
