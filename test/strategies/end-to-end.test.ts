import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openDataFolder } from '../../src/audit/data-folder.ts';
import { verify } from '../../src/audit/verify.ts';
import type { Plan } from '../../src/domain/plan.ts';
import { type StrategyName, strategyNames } from '../../src/domain/strategy-choice.ts';
import { strategyCatalogue } from '../../src/strategies/catalogue.ts';
import { TestChorus, type TestClient } from '../../src/testing/test-chorus.ts';
import { encodeSafetensors } from '../../src/wire/safetensors.ts';
import { eventually } from '../http/calls.ts';
import { folderForTest } from '../support/folder.ts';
import { strategyOf, Training, type Update } from './drive.ts';

interface Case {
  about: string;
  strategy: StrategyName;
  parameters: Plan['strategyParameters'];
  base: number[];
  rounds: Update[][];
}

const isFed = ({ numExamples, staleness }: Update) => numExamples > 0 && staleness === undefined;

/** Cases that clients can bring about: as many in each round, with numbers of examples. */
const cases = readFileSync(new URL('./golden/golden.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Case)
  .filter(({ rounds }) => rounds.every((updates) => updates.length === rounds[0]?.length && updates.every(isFed)));

const doubles = (values: readonly number[]) => ({
  w: { dtype: 'F64', shape: [values.length], data: Float64Array.from(values) } as const,
});

type Kind = 'weights' | 'deltas';

function planOf({ strategy, parameters, rounds }: Case, updateKind: Kind): Partial<Plan> {
  const cohortSize = rounds[0]?.length ?? 1;
  const about = { strategy, strategyParameters: parameters, rounds: rounds.length };
  return { ...about, cohortSize, updateKind, initialModel: 'upload', onQuorumMissed: 'abandon' };
}

async function begin(test: TestChorus, { base }: Case): Promise<void> {
  const { run } = test.handle.run() ?? {};
  await test.handle.installModel(run ?? '', encodeSafetensors(doubles(base), {}));
  await test.settle();
}

/** What a client that trained to these values sends. */
const sent = (values: readonly number[], model: readonly number[], updateKind: Kind) =>
  doubles(updateKind === 'weights' ? values : values.map((value, index) => value - (model[index] ?? 0)));

/** Lets the updates of a round come one after another. @returns the model that they make */
async function play(
  test: TestChorus,
  clients: readonly TestClient[],
  updates: readonly Update[],
  updateKind: Kind,
): Promise<number[]> {
  const versions = test.handle.models().length;
  const before = await valuesOf(test);
  for (const [index, { values, numExamples, metrics }] of updates.entries()) {
    const client = clients[index];
    await eventually(() => client?.state).toBe('selected');
    await client?.start();
    await client?.upload(sent(values, before, updateKind), { numExamples, metrics });
  }
  await eventually(() => test.handle.models().length).toBe(versions + 1);
  return valuesOf(test);
}

/** What the strategy makes of each round's updates, by its kernels alone. */
function modelsOf({ strategy: name, parameters, base }: Case, updateKind: Kind): (updates: Update[]) => number[] {
  const strategy = strategyOf(name, parameters);
  const training = new Training(strategy, base, { updateKind });
  if (strategy.kind === 'running' || updateKind === 'weights') return (updates) => training.round(updates);
  let model = base;
  return (updates) => {
    const deltas = updates.map((update) => ({ ...update, values: update.values.map((v, at) => v - (model[at] ?? 0)) }));
    const step = new Training(
      strategy,
      base.map(() => 0),
    ).round(deltas);
    model = step.map((value, at) => value + (model[at] ?? 0));
    return model;
  };
}

const valuesOf = async (test: TestChorus): Promise<number[]> => [...((await test.model()).w?.data ?? [])];

describe.each(['weights', 'deltas'] as const)('a run by strategy, fed with %s', (updateKind) => {
  it.each(cases.map((each) => ({ ...each, name: `${each.strategy}: ${each.about}` })))(
    '$name, commits the models that the strategy makes, bit for bit',
    async (each) => {
      const test = await TestChorus.create({ plan: planOf(each, updateKind) });
      onTestFinished(() => test.chorus.close());
      await begin(test, each);
      const clients = await test.joinMany(each.rounds[0]?.length ?? 0);
      const next = modelsOf(each, updateKind);
      for (const updates of each.rounds) {
        const made = next(updates);
        expect(await play(test, clients, updates, updateKind)).toEqual(made);
      }
      expect(test.crashes).toEqual([]);
    },
  );
});

it('is tested for every strategy that a plan can name, and each is in the catalogue', () => {
  const tested = new Set(cases.map(({ strategy }) => strategy));
  expect(strategyNames.filter((name) => !tested.has(name))).toEqual([]);
  expect(strategyCatalogue.map(({ name }) => name)).toEqual(strategyNames);
});

describe('a run on the disk', () => {
  const caseOf = (name: StrategyName): Case => {
    const found = cases.find(({ strategy }) => strategy === name);
    if (!found) throw new Error(`There is no case of ${name}`);
    return found;
  };

  const restarted = (['fedadam', 'fedavgm', 'fedavg', 'krum', 'rfa', 'bulyan'] as const).flatMap((strategy) =>
    (['weights', 'deltas'] as const).map((updateKind) => ({ strategy, updateKind })),
  );
  it.each(restarted)(
    'gives the same bits with $strategy and $updateKind when the server is started again before every update, and can be verified',
    async ({ strategy, updateKind }) => {
      const its = caseOf(strategy);
      const next = modelsOf(its, updateKind);
      const dir = folderForTest();
      const create = () => TestChorus.create({ storage: { dir }, keepUpdates: true, plan: planOf(its, updateKind) });
      let test = await create();
      await begin(test, its);
      let clients = await test.joinMany(its.rounds[0]?.length ?? 0);
      let committed = 1;
      for (const updates of its.rounds) {
        for (const [index, { values, numExamples, metrics }] of updates.entries()) {
          await test.chorus.close();
          test = await create();
          clients = clients.map((client) => test.adopt(client));
          const before = await valuesOf(test);
          await eventually(() => clients[index]?.state).toBe('selected');
          await clients[index]?.start();
          await clients[index]?.upload(sent(values, before, updateKind), { numExamples, metrics });
        }
        committed += 1;
        await eventually(() => test.handle.models().length).toBe(committed);
        expect(await valuesOf(test)).toEqual(next(updates));
      }
      await test.chorus.close();
      expect(await verify(await openDataFolder(dir))).toMatchObject({ problems: [], recomputed: its.rounds.length });
    },
  );

  it('that is damaged in the state of its strategy is found out', async () => {
    const dir = folderForTest();
    const adam = caseOf('fedadam');
    const test = await TestChorus.create({ storage: { dir }, plan: planOf(adam, 'weights') });
    await begin(test, adam);
    const clients = await test.joinMany(adam.rounds[0]?.length ?? 0);
    await play(test, clients, adam.rounds[0] ?? [], 'weights');
    const { state } = test.handle.models().at(-1) ?? {};
    await test.chorus.close();
    const path = join(dir, 'models', `${state?.sha256}.safetensors`);
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(path, bytes);
    const { problems } = await verify(await openDataFolder(dir));
    expect(problems.map(({ sentence }) => sentence)).toEqual([expect.stringMatching(/version 2: .* is damaged/)]);
  });
});

it('says in the record of a round whose updates the model was made of', async () => {
  const krum = cases.find(({ strategy }) => strategy === 'krum');
  if (!krum) throw new Error('There is no case of krum');
  const test = await TestChorus.create({ plan: planOf(krum, 'weights') });
  onTestFinished(() => test.chorus.close());
  await begin(test, krum);
  const clients = await test.joinMany(krum.rounds[0]?.length ?? 0);
  const model = await play(test, clients, krum.rounds[0] ?? [], 'weights');
  const [record] = test.handle.rounds();
  const chosen = krum.rounds[0]?.findIndex(({ values }) => values.every((value, at) => value === model[at])) ?? -1;
  expect(record?.members).toEqual([clients[chosen]?.clientId]);
  expect(record?.contributions).toHaveLength(clients.length);
});
