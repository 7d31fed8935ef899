import { expect, it } from 'vitest';
import { openDataFolder } from '../../src/audit/data-folder.ts';
import { verify } from '../../src/audit/verify.ts';
import type { Plan } from '../../src/domain/plan.ts';
import { defineOwnStrategy } from '../../src/strategies/own-strategy.ts';
import { TestChorus } from '../../src/testing/test-chorus.ts';
import { encodeSafetensors } from '../../src/wire/safetensors.ts';
import { eventually } from '../http/calls.ts';
import { folderForTest } from '../support/folder.ts';

/** FedAvgM, written by somebody else. */
const momentum = defineOwnStrategy<{ momentum: number }>({
  kind: 'running',
  settings: { momentum: { kind: 'number', default: 0.9, min: 0, max: 1, help: 'Share of the last step.' } },
  slots: [{ name: 'momentum', initial: 0 }],
  step({ base, delta, state: [velocity = new Float64Array()], parameters }) {
    const moved = velocity.map((value, at) => parameters.momentum * value + (delta[at] ?? 0));
    return { next: base.map((value, at) => value + (moved[at] ?? 0)), state: [moved] };
  },
});

const values = Array.from({ length: 9 }, (_, at) => [Math.sin(at) / 3, Math.cos(at) / 7, at / 11]);

/** Three rounds of three clients in a folder. @param restarts whether the server is started again before every update */
async function train(dir: string, strategy: Plan['strategy'], restarts: boolean): Promise<string[]> {
  const plan = { rounds: 3, cohortSize: 3, initialModel: 'upload', strategy } as const;
  const create = () => TestChorus.create({ storage: { dir }, keepUpdates: true, plan, strategies: { momentum } });
  let test = await create();
  const zeros = { w: { dtype: 'F64', shape: [3], data: new Float64Array(3) } } as const;
  await test.handle.installModel(test.handle.run()?.run ?? '', encodeSafetensors(zeros, {}));
  await test.settle();
  let clients = await test.joinMany(3);
  for (const [index, update] of values.entries()) {
    if (restarts) {
      await test.chorus.close();
      test = await create();
      clients = clients.map((client) => test.adopt(client));
    }
    const client = clients[index % 3];
    await eventually(() => client?.state).toBe('selected');
    await client?.start();
    const tensors = { w: { dtype: 'F64', shape: [3], data: Float64Array.from(update) } } as const;
    await client?.upload(tensors, { numExamples: 1 + index });
    if (index % 3 === 2) await eventually(() => test.handle.models().length).toBe(2 + Math.floor(index / 3));
  }
  const models: string[] = [];
  for (const { version, state } of test.handle.models()) {
    const { w } = await test.model(version);
    models.push(`${Array.from(w?.data ?? []).join(' ')} ${state?.bytes ?? 0}`);
  }
  await test.chorus.close();
  return models;
}

it('a strategy of one’s own that writes down FedAvgM gives its bits, also when the server is started again before every update', async () => {
  const reference = await train(folderForTest(), 'fedavgm', false);
  expect(new Set(reference).size).toBe(4);
  const dir = folderForTest();
  expect(await train(dir, 'module:momentum', true)).toEqual(reference);
  // What it made cannot be made again without it, and that is no problem.
  const report = await verify(await openDataFolder(dir));
  expect(report).toMatchObject({ problems: [], recomputed: 0, onlyHashed: 4 });
});

it('a run that goes on by a strategy of one’s own is not taken up without it', async () => {
  const dir = folderForTest();
  const plan = { rounds: 3, minClients: 3, strategy: 'module:momentum' } as const;
  const test = await TestChorus.create({ storage: { dir }, plan, strategies: { momentum } });
  await test.chorus.close();
  await expect(TestChorus.create({ storage: { dir } })).rejects.toThrow(
    'goes on by the strategy "module:momentum", which the server was not given; start it with --strategy-module momentum=FILE',
  );
});
