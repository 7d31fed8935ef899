import { describe, expect, it, onTestFinished } from 'vitest';
import type { CoreOptions } from '../../src/core.ts';
import type { ClientProfile } from '../../src/domain/client.ts';
import { ChorusError } from '../../src/domain/errors.ts';
import type { Plan } from '../../src/domain/plan.ts';
import { selectionSettings } from '../../src/domain/selection-settings.ts';
import { TestChorus, type TestChorusOptions, type TestClient, vector } from '../../src/testing/index.ts';
import { folderForTest } from '../support/folder.ts';
import { until } from '../support/until.ts';

const policies = selectionSettings.selection.choices;
type Metrics = Record<string, number>;

const start = async (plan: Partial<Plan>, options: TestChorusOptions = {}): Promise<TestChorus> => {
  const test = await TestChorus.create({ ...options, plan: { rounds: 20, ...plan } });
  onTestFinished(() => test.chorus.close({ graceMs: 0 }));
  return test;
};

const from = (region: string): ClientProfile => ({ attributes: { region } });
const joinFrom = async (test: TestChorus, ...regions: string[]): Promise<TestClient[]> => {
  const clients: TestClient[] = [];
  for (const region of regions) clients.push(await test.join(from(region)));
  return clients;
};

const selectedOf = (clients: readonly TestClient[]): TestClient[] =>
  clients.filter(({ state }) => state === 'selected');
const placesOf = (clients: readonly TestClient[], chosen: readonly TestClient[]): number[] =>
  chosen.map((client) => clients.indexOf(client)).sort((a, b) => a - b);

const cohortIsThere = (test: TestChorus) => until(() => expect(test.handle.status().phase).toBe('training'));

/** Everyone who is selected contributes. @returns who did, by place. */
async function playRound(
  test: TestChorus,
  clients: readonly TestClient[],
  {
    numExamples = () => 1,
    metrics = () => ({}),
  }: Partial<{
    numExamples: (place: number) => number;
    metrics: (place: number) => Metrics;
  }> = {},
): Promise<number[]> {
  await cohortIsThere(test);
  const { round } = test.handle.status();
  const selected = selectedOf(clients);
  for (const client of selected) {
    const place = clients.indexOf(client);
    await client.start();
    await client.upload(vector([1]), { numExamples: numExamples(place), metrics: metrics(place) });
  }
  await until(() => expect(test.handle.round(round).phase).toBe('committed'));
  await test.settle();
  return placesOf(clients, selected);
}

/** Sizes of a cohort of three, as the policy allows them. */
const sized = (selection: (typeof policies)[number]): Partial<Plan> => ({
  selection,
  minClients: 6,
  ...(selection === 'all' ? {} : { cohortSize: 3 }),
  ...(selection === 'stratified' ? { selectionAttribute: 'region' } : {}),
});

describe.each(policies)('a run with selection = %s', (selection) => {
  const run = async (options: TestChorusOptions = {}) => {
    const test = await start(sized(selection), options);
    const clients = await joinFrom(test, 'eu', 'us', 'eu', 'us', 'eu', 'eu');
    return { test, clients };
  };

  it('commits round after round, and says of each client why it was chosen or was not', async () => {
    const { test, clients } = await run();
    for (let round = 1; round <= 4; round += 1) {
      const cohort = await playRound(test, clients, { metrics: (place) => ({ loss: place + 1 }) });
      expect(cohort).toHaveLength(selection === 'all' ? 6 : 3);
      expect(test.handle.round(round)).toMatchObject({ phase: 'committed', modelVersion: round });
      for (const [place, { clientId }] of clients.entries()) {
        const { chosen, reason, sentence } = test.handle.selection(round, clientId);
        expect(chosen).toBe(cohort.includes(place));
        expect(reason.chosen).toBe(chosen);
        expect(sentence).toMatch(chosen ? /^(drawn|chosen): / : /^not (drawn|chosen): /);
        expect(['notKept', 'notThere', 'wentOn']).not.toContain(reason.kind);
      }
    }
    expect(test.crashes).toEqual([]);
  });

  it('chooses the same cohorts with the same seed', async () => {
    const cohorts = async (seed: number) => {
      const { test, clients } = await run({ seed });
      const chosen: number[][] = [];
      for (let round = 0; round < 4; round += 1) chosen.push(await playRound(test, clients));
      return JSON.stringify(chosen);
    };
    expect(await cohorts(7)).toBe(await cohorts(7));
    const others = await Promise.all([1, 2, 3, 4].map(cohorts));
    expect(new Set(others).size > 1).toBe(selection !== 'all');
  });
});

describe('what a policy learns from', () => {
  it('are the rounds of the run: who had a turn waits until the others had theirs', async () => {
    const test = await start({ selection: 'round-robin', minClients: 6, cohortSize: 3 });
    const clients = await test.joinMany(6);
    const first = await playRound(test, clients);
    const second = await playRound(test, clients);
    expect([...first, ...second].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('are the examples of updates', async () => {
    const test = await start({ selection: 'weighted', minClients: 4, participantsRatio: 1 });
    const clients = await test.joinMany(4);
    await playRound(test, clients, { numExamples: (place) => 10 * (place + 1) });
    const [, second] = clients as [TestClient, TestClient];
    expect(test.handle.selection(2, second.clientId).reason).toMatchObject({
      kind: 'weight',
      examples: 20,
      known: true,
    });
  });

  it('is the metric that the plan names, also when another run named another', async () => {
    const oort: Partial<Plan> = {
      selection: 'oort',
      explorationStart: 0,
      explorationMin: 0,
      minClients: 6,
      cohortSize: 2,
    };
    const test = await start({ minClients: 6, rounds: 1 });
    const clients = await test.joinMany(6);
    // Examples are the same, so that the metric alone decides: loss rises with the place, error falls.
    await playRound(test, clients, { metrics: (place) => ({ loss: 10 ** place, error: 10 ** -place }) });
    expect(test.handle.status().runState).toBe('finished');
    test.handle.startRun({ ...oort, rounds: 1, utilityMetric: 'loss', slownessPenalty: 0 });
    await test.settle();
    expect(await playRound(test, clients)).toEqual([4, 5]);
    test.handle.startRun({ ...oort, rounds: 1, utilityMetric: 'error', slownessPenalty: 0 });
    await test.settle();
    // Those two contributed last, without the metric: they are the only ones of unknown utility, and nobody explores.
    expect(await playRound(test, clients)).toEqual([0, 1]);
  });

  it('are also the rounds of a run before it that went by nothing', async () => {
    const test = await start({ minClients: 6, cohortSize: 3, rounds: 1 });
    const clients = await test.joinMany(6);
    const first = await playRound(test, clients);
    test.handle.startRun({ selection: 'round-robin' });
    const second = await playRound(test, clients);
    expect([...first, ...second].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it.each(['update', 'round'] as const)('outlives the process, with durability %s', async (durability) => {
    const storage = { dir: folderForTest() };
    const plan: Partial<Plan> = { selection: 'round-robin', minClients: 6, cohortSize: 2 };
    const before = await start(plan, { storage, durability });
    const clients = await before.joinMany(6);
    const first = await playRound(before, clients);
    await cohortIsThere(before);
    await before.chorus.close({ graceMs: 0 });
    const after = await start(plan, { storage, durability, seed: 99 });
    const again = clients.map((client) => after.adopt(client));
    const second = await playRound(after, again);
    const third = await playRound(after, again);
    expect([...first, ...second, ...third].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5]);
    // Who was chosen is known after a restart; why is not.
    const [one] = first.map((place) => clients[place]) as [TestClient];
    expect(after.handle.selection(1, one.clientId)).toMatchObject({ chosen: true, reason: { kind: 'notKept' } });
    expect(after.crashes).toEqual([]);
  });
});

describe('a policy of one’s own', () => {
  it('counts over the plan, and may give reasons; the filter holds for it too', async () => {
    const asked: number[] = [];
    const policy: CoreOptions['policy'] = ({ candidates, count, random }) => {
      asked.push(candidates.count);
      const clientIds = [...everyone, ...candidates.sample(count, random)];
      return { policy: 'mine', clientIds, explain: () => ({ kind: 'everyone', chosen: true, of: 2 }) };
    };
    const everyone: string[] = [];
    const plan: Partial<Plan> = { minClients: 2, selection: 'oort', selectionFilter: 'attributes.region == "eu"' };
    const test = await start({ ...plan, participantsRatio: 1 }, { policy });
    const [us, eu] = (await joinFrom(test, 'us', 'eu')) as [TestClient, TestClient];
    everyone.push(us.clientId);
    const [late] = (await joinFrom(test, 'eu')) as [TestClient];
    expect(asked).toEqual([2]);
    expect([us, eu, late].map(({ state }) => state)).toEqual(['waiting', 'selected', 'selected']);
    expect(test.handle.selection(1, eu.clientId).sentence).toBe('chosen: all 2 were');
    expect(test.handle.selection(1, us.clientId).sentence).toBe('filtered out: attributes.region is "us"');
  });

  it('need not give any, and then there are none', async () => {
    const test = await start(
      { minClients: 2, cohortSize: 1 },
      { policy: ({ candidates, random }) => candidates.sample(1, random) },
    );
    const clients = await test.joinMany(2);
    const why = clients.map(({ clientId }) => test.handle.selection(1, clientId)).map(({ reason }) => reason);
    expect(why.map(({ kind }) => kind)).toEqual(['notKept', 'notKept']);
    expect(why.map(({ chosen }) => chosen).sort()).toEqual([false, true]);
  });
});

describe('why a client was chosen', () => {
  it('is told of the attempts kept, by ids in any case, and also of clients that left since', async () => {
    const test = await start({ minClients: 2, cohortSize: 1 });
    const clients = await test.joinMany(3);
    for (let round = 1; round <= 6; round += 1) await playRound(test, clients);
    const [first] = test.handle.round(1).cohort as [string];
    const [sixth] = test.handle.round(6).cohort as [string];
    expect(test.handle.selection(1, first).reason).toEqual({ kind: 'notKept', chosen: true });
    expect(test.handle.selection(6, sixth.toUpperCase())).toMatchObject({
      clientId: sixth,
      round: 6,
      chosen: true,
      reason: { kind: 'drawn', chosen: true, drawn: 1, of: 3 },
    });
    test.handle.leave(sixth);
    expect(test.handle.selection(6, sixth)).toMatchObject({ chosen: true, reason: { kind: 'drawn' } });
    const codeOf = (act: () => unknown) => {
      try {
        return act();
      } catch (error) {
        return (error as ChorusError).code;
      }
    };
    expect(codeOf(() => test.handle.selection(99, sixth))).toBe('ROUND_UNKNOWN');
    expect(codeOf(() => test.handle.selection(6, 'nobody'))).toBe('CLIENT_UNKNOWN');
  });

  it('is answered before anybody is, and of one that came later', async () => {
    const test = await start({ minClients: 2, cohortSize: 2 });
    const early = await test.join();
    expect(test.handle.status().phase).toBe('selecting');
    expect(test.handle.selection(1, early.clientId).sentence).toBe('not chosen: nobody is yet');
    await test.join();
    const late = await test.join();
    expect(test.handle.selection(1, late.clientId).sentence).toBe('not chosen: it was no candidate');
  });

  it('tells of one that replaced another, and of one that trains on', async () => {
    const test = await start({ minClients: 2, cohortSize: 1 });
    const clients = await test.joinMany(2);
    const [lost] = selectedOf(clients) as [TestClient];
    test.handle.evict(lost.clientId);
    const [other] = selectedOf(clients) as [TestClient];
    expect(other).not.toBe(lost);
    for (const { clientId } of clients)
      expect(test.handle.selection(1, clientId).reason).toMatchObject({ kind: 'drawn', chosen: true });

    const buffered = await start({
      minClients: 2,
      cohortSize: 1,
      overSelection: 2,
      mode: 'buffered',
      updateKind: 'deltas',
      initialModel: 'upload',
    });
    const { run = '' } = buffered.handle.run() ?? {};
    const { encodeSafetensors } = await import('../../src/wire/safetensors.ts');
    await buffered.handle.installModel(run, encodeSafetensors(vector([0]), {}));
    const [one, two] = (await buffered.joinMany(2)) as [TestClient, TestClient];
    await two.start();
    await one.contribute([1]);
    await buffered.settle();
    expect(buffered.handle.status().round).toBe(2);
    expect(buffered.handle.selection(2, two.clientId).reason).toEqual({ kind: 'wentOn', chosen: true });
    expect(buffered.handle.selection(1, two.clientId).reason).toMatchObject({ kind: 'drawn', chosen: true });
    expect(buffered.handle.selection(2, one.clientId).reason).toMatchObject({ kind: 'drawn', chosen: true });
  });
});

describe('adaptive over-selection', () => {
  const plan: Partial<Plan> = {
    rounds: 20,
    minClients: 40,
    cohortSize: 10,
    overSelection: 1.2,
    overSelectionAdaptive: true,
    overSelectionMax: 3,
    quorum: 5,
    trainingWindowMs: 1_000,
    heartbeatTimeoutMs: 1_000_000,
  };
  /** Of those selected every other one does not report; the round ends with its deadline. */
  async function halfReport(test: TestChorus, clients: readonly TestClient[]): Promise<void> {
    await cohortIsThere(test);
    const { round } = test.handle.status();
    const isOpen = () => test.handle.round(round).phase === 'training';
    for (const client of selectedOf(clients).filter((_, index) => index % 2 === 0)) {
      if (isOpen()) await client.contribute([1]);
    }
    for (let waited = 0; isOpen() && waited < 20; waited += 1) await test.advance(100);
    await until(() => expect(test.handle.round(round).phase).toBe('committed'));
    await cohortIsThere(test);
  }

  it('selects as the plan says at first, then as many as past rounds say are needed', async () => {
    const test = await start(plan);
    const clients = await test.joinMany(40);
    await cohortIsThere(test);
    expect(test.handle.round(1)).toMatchObject({ target: 12, overSelected: { selected: 12 } });
    for (let round = 1; round <= 4; round += 1) await halfReport(test, clients);
    const { overSelected, target } = test.handle.round(5);
    // Half report: for ten with 95 % one needs 26 or more, and those not known yet count as a half too.
    expect(overSelected?.selected).toBeGreaterThan(20);
    expect(target).toBe(overSelected?.selected);
    expect(overSelected?.summary).toMatch(
      /of selected clients report within 1000 ms \(\d+ outcomes\), so \d+ selected/,
    );
    expect(test.crashes).toEqual([]);
  });

  it('keeps the number of an open round over a restart', async () => {
    const storage = { dir: folderForTest() };
    const before = await start(plan, { storage });
    const clients = await before.joinMany(40);
    for (let round = 1; round <= 4; round += 1) await halfReport(before, clients);
    const opened = before.handle.round(5);
    await before.chorus.close({ graceMs: 0 });
    const after = await start(plan, { storage });
    expect(after.handle.round(5)).toMatchObject({ overSelected: opened.overSelected, target: opened.target });
    expect(after.handle.status()).toMatchObject({ round: 5, target: opened.target });
    // And the next one is computed from the same outcomes as without the restart.
    const again = clients.map((client) => after.adopt(client));
    await halfReport(after, again);
    expect(after.handle.round(6).overSelected?.selected).toBeGreaterThan(20);
  });
});

describe('a plan whose filter cannot be read', () => {
  const selectionFilter = 'attributes.region = "eu"';

  it('starts no server and no run, and is told where it is wrong', async () => {
    await expect(TestChorus.create({ plan: { selectionFilter } })).rejects.toThrow(
      /^selectionFilter \(--selection-filter\) cannot be read\. At character 1\d of the filter: /,
    );
    const test = await start({}, { autoStart: false });
    expect(() => test.handle.startRun({ selectionFilter })).toThrow(ChorusError);
    expect(() => test.handle.startRun({ selectionFilter: 'attributes.size > 3 ||' })).toThrow(/selectionFilter/);
    expect(test.handle.run()).toBeNull();
  });
});
