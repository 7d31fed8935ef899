import { describe, expect, it } from 'vitest';
import type { Plan } from '../../src/domain/plan.ts';
import { TestChorus } from '../../src/testing/test-chorus.ts';
import { eventually } from '../http/calls.ts';
import { updateOf } from '../http/participant.ts';
import { TestServer } from '../http/test-server.ts';
import { folderForTest } from '../support/folder.ts';

/** Enough for several ranges of a model, and for both threads. */
const elements = 140_000;
const clientsWanted = 5;
const valuesOf = (client: number, round: number): number[] =>
  Array.from({ length: elements }, (_, index) => Math.fround(Math.sin(index * (client + 1)) + client * round));

/** The models that two rounds make in one thread. */
async function inlineModels(plan: Partial<Plan>): Promise<Uint8Array[]> {
  const test = await TestChorus.create({ plan });
  const clients = await test.joinMany(clientsWanted);
  const models: Uint8Array[] = [];
  for (const round of [1, 2]) {
    for (const [index, client] of clients.entries()) {
      await client.start();
      await client.upload(updateOf(valuesOf(index, round), index + 1));
    }
    await eventually(() => test.handle.models().length).toBe(round);
    models.push((await test.handle.openModel(round)).bytes.slice());
  }
  await test.chorus.close();
  return models;
}

const cases = [
  { strategy: 'fedadam', storage: 'memory' },
  { strategy: 'krum', storage: 'memory' },
  { strategy: 'trimmed-mean', storage: 'disk' },
  { strategy: 'rfa', storage: 'disk' },
] as const;

describe('on threads of their own', () => {
  it.each(cases)(
    '$strategy makes the models that it makes in one thread, with updates in $storage storage',
    async (each) => {
      const { strategy, storage } = each;
      const plan = { rounds: 2, cohortSize: clientsWanted, strategy };
      const dir = folderForTest();
      const server = await TestServer.forTest({
        plan,
        foldThreads: 2,
        storage: storage === 'disk' ? { dir } : 'memory',
      });
      const clients = await server.joinMany(clientsWanted);
      const made: Uint8Array[] = [];
      for (const round of [1, 2]) {
        for (const [index, client] of clients.entries()) {
          await client.waitUntil('selected');
          await client.start();
          expect((await client.upload(updateOf(valuesOf(index, round), index + 1))).status).toBe(200);
        }
        await eventually(() => server.handle.models().length).toBe(round);
        made.push((await server.handle.openModel(round)).bytes);
      }
      const expected = await inlineModels(plan);
      for (const [index, model] of made.entries()) {
        const data = (bytes: Uint8Array) => Buffer.from(bytes).subarray(-elements * 4);
        expect(data(model).equals(data(expected[index] ?? new Uint8Array()))).toBe(true);
      }
    },
  );
});
