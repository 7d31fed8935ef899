import { describe, expect, it } from 'vitest';
import { openDataFolder } from '../../src/audit/data-folder.ts';
import { verify } from '../../src/audit/verify.ts';
import type { Plan } from '../../src/domain/plan.ts';
import { TestChorus, type TestChorusOptions, type TestClient } from '../../src/testing/test-chorus.ts';
import { encodeSafetensors } from '../../src/wire/safetensors.ts';
import { eventually } from '../http/calls.ts';
import { folderForTest } from '../support/folder.ts';

const doubles = (values: readonly number[]) => ({
  w: { dtype: 'F64', shape: [values.length], data: Float64Array.from(values) } as const,
});

/** Half of a fresh update is taken, and of one that is three versions old a quarter. */
const plan: Partial<Plan> = {
  ...{ strategy: 'fedasync', strategyParameters: { mixing: 0.5 }, mode: 'buffered', stalenessExponent: 0.5 },
  ...{ rounds: 5, minClients: 2, cohortSize: 1, overSelection: 2, initialModel: 'upload' },
};

async function begin(given: Partial<Plan> = {}, options: TestChorusOptions = {}) {
  const test = await TestChorus.create({ ...options, plan: { ...plan, ...given } });
  await test.handle.installModel(test.handle.run()?.run ?? '', encodeSafetensors(doubles([16, -32]), {}));
  const clients = await test.joinMany(2);
  await eventually(() => test.handle.status().counts.selected).toBe(clients.length);
  return { test, clients };
}

const valuesOf = async (test: TestChorus): Promise<number[]> => [...((await test.model()).w?.data ?? [])];

/** Makes a version of what a client sends. @returns the model */
async function mix(test: TestChorus, client: TestClient | undefined, values: readonly number[]): Promise<number[]> {
  const versions = test.handle.models().length;
  // Between two rounds it would be told to come back.
  await eventually(() => test.handle.status().phase).toBe('training');
  await client?.upload(doubles(values), { numExamples: 1 + versions });
  await eventually(() => test.handle.models().length).toBe(versions + 1);
  return valuesOf(test);
}

/** The same, of a client that begins with the model as it is now. */
async function mixFresh(test: TestChorus, client: TestClient | undefined, values: readonly number[]) {
  await eventually(() => client?.state).toBe('selected');
  await client?.start();
  return mix(test, client, values);
}

describe('FedAsync', () => {
  it('mixes each client’s weights into the newest model, the less the older they are', async () => {
    const { test, clients } = await begin();
    const [quick, slow] = clients;
    await slow?.start();
    expect(await mixFresh(test, quick, [0, 0])).toEqual([8, -16]);
    expect(await mixFresh(test, quick, [4, 0])).toEqual([6, -8]);
    expect(await mixFresh(test, quick, [2, 8])).toEqual([4, 0]);
    // It began with [16, −32], of which nothing comes back but what it sends.
    expect(await mix(test, slow, [20, -4])).toEqual([4 + (20 - 4) / 4, -4 / 4]);
    expect(test.handle.round(4).contributions).toMatchObject([{ clientId: slow?.clientId, staleness: 3 }]);
    expect(test.crashes).toEqual([]);
    await test.chorus.close();
  });

  it('makes of several the mean of what each would make by itself', async () => {
    const { test, clients } = await begin({ cohortSize: 2, overSelection: 1 });
    const [a, b] = clients;
    await a?.start();
    await b?.start();
    await a?.upload(doubles([0, 0]), { numExamples: 1_000 });
    // [8, −16] and [12, −8], however many examples there are behind each.
    expect(await mix(test, b, [8, 16])).toEqual([10, -12]);
    await test.chorus.close();
  });

  it('adds deltas by the same share', async () => {
    const { test, clients } = await begin({ updateKind: 'deltas' });
    const [quick, slow] = clients;
    await slow?.start();
    for (let version = 1; version <= 3; version += 1) await mixFresh(test, quick, [0, 0]);
    expect(await mix(test, slow, [8, 4])).toEqual([18, -31]);
    await test.chorus.close();
  });

  it('gives the same bits when the server is started again before every update, and can be verified', async () => {
    const sent = [
      [0.1, 7],
      [1 / 3, 1e-7],
      [-0.7, 1e6],
    ];
    const play = async (restarts: boolean) => {
      const dir = folderForTest();
      const storage = { dir };
      let { test, clients } = await begin({ rounds: 4, stalenessExponent: 0.7 }, { storage, keepUpdates: true });
      const restart = async () => {
        if (!restarts) return;
        await test.chorus.close({ graceMs: 0 });
        test = await TestChorus.create({ storage, keepUpdates: true });
        clients = clients.map((client) => test.adopt(client));
      };
      await clients[1]?.start();
      for (const values of sent) {
        await restart();
        await mixFresh(test, clients[0], values);
      }
      await restart();
      const model = await mix(test, clients[1], [0.9, -1 / 7]);
      expect(test.crashes).toEqual([]);
      await test.chorus.close();
      expect(await verify(await openDataFolder(dir))).toMatchObject({ problems: [], recomputed: 4 });
      return model;
    };
    expect(await play(true)).toEqual(await play(false));
  });
});
