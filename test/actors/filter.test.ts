import { describe, expect, it, onTestFinished } from 'vitest';
import { ClientRegistry } from '../../src/actors/registry.ts';
import { openDataFolder } from '../../src/audit/data-folder.ts';
import type { Plan } from '../../src/domain/plan.ts';
import { seededRandom } from '../../src/domain/random.ts';
import { beginReplay, follow } from '../../src/history/replay.ts';
import { statusOf } from '../../src/history/situation.ts';
import { TestChorus, type TestChorusOptions, type TestClient } from '../../src/testing/index.ts';
import { folderForTest } from '../support/folder.ts';
import { until } from '../support/until.ts';

const inEurope = 'attributes.region == "eu"';

async function start(plan: Partial<Plan> = {}, options: TestChorusOptions = {}): Promise<TestChorus> {
  const test = await TestChorus.create({
    ...options,
    plan: { rounds: 5, minClients: 3, selectionFilter: inEurope, ...plan },
  });
  onTestFinished(() => test.chorus.close({ graceMs: 0 }));
  return test;
}

const join1 = (test: TestChorus, region: string): Promise<TestClient> => test.join({ attributes: { region } });
async function joinFrom(test: TestChorus, region: string, count: number): Promise<TestClient[]> {
  const clients: TestClient[] = [];
  for (let client = 0; client < count; client += 1) clients.push(await join1(test, region));
  return clients;
}
const statesOf = (clients: readonly TestClient[]): string[] => clients.map(({ state }) => state);

describe('the registry', () => {
  it('counts a client as eligible for as long as it is there', () => {
    const registry = new ClientRegistry({
      clientsMax: 10,
      heartbeatTimeoutMs: 1_000,
      random: seededRandom(1),
      nowMs: 0,
    });
    const counts = () => [registry.eligiblePopulation, registry.eligibleWaiting];
    const slot = registry.register(0, { name: 'a' });
    registry.setFilter(({ name }) => name === 'a');
    expect(counts()).toEqual([0, 0]);
    expect(registry.testMore(10_000)).toBe(true);
    expect(counts()).toEqual([1, 1]);
    registry.apply(slot, 'select');
    expect(counts()).toEqual([1, 0]);
    registry.apply(slot, 'leave');
    expect(counts()).toEqual([0, 0]);
    expect(registry.isEligible(slot)).toBe(false);
    expect(registry.register(0, { name: 'b' })).toBe(slot);
    expect(counts()).toEqual([0, 0]);
    registry.setFilter(null);
    expect(counts()).toEqual([1, 1]);
  });
});

describe('a run with a filter', () => {
  it('waits for eligible clients only, says so, and selects nobody else', async () => {
    const test = await start();
    const others = await joinFrom(test, 'us', 10);
    const [first] = await joinFrom(test, 'eu', 2);
    expect(test.handle.status()).toMatchObject({
      phase: 'selecting',
      population: 12,
      counts: { waiting: 12 },
      waitingFor: { guard: { have: 2, need: 3 } },
    });
    expect(test.handle.status().waitingFor.summary).toMatch(
      /^Round 1 has 2 of 3 eligible clients; waiting for 1 more eligible client to register; at /,
    );
    const third = await join1(test, 'eu');
    // A ratio is one of the eligible clients.
    expect(test.handle.status()).toMatchObject({ phase: 'training', target: 3, counts: { selected: 3, waiting: 10 } });
    expect(statesOf([...others, third])).toEqual([...others.map(() => 'waiting'), 'selected']);
    for (const client of [first, third]) expect(test.handle.selection(1, client?.clientId ?? '').chosen).toBe(true);
    expect(test.handle.selection(1, others[0]?.clientId ?? '')).toMatchObject({
      chosen: false,
      reason: { kind: 'filteredOut', filter: inEurope, values: { 'attributes.region': 'us' } },
      sentence: 'filtered out: attributes.region is "us"',
    });
  });

  it('forms its cohort when all that it wants are eligible, not when so many wait', async () => {
    const test = await start({ minClients: 3, cohortSize: 4, quorum: 3 });
    await joinFrom(test, 'us', 5);
    await joinFrom(test, 'eu', 3);
    expect(test.handle.status()).toMatchObject({ phase: 'selecting', waitingFor: { guard: { have: 3, need: 4 } } });
    await join1(test, 'eu');
    expect(test.handle.status()).toMatchObject({ phase: 'training', target: 4 });
  });

  it('gives up and opens again by the number of eligible clients, not of clients', async () => {
    const test = await start({ selectionWindowMs: 1_000, heartbeatTimeoutMs: 1_000_000 });
    await joinFrom(test, 'us', 10);
    await joinFrom(test, 'eu', 2);
    await test.advance(1_100);
    expect(test.handle.status().waitingFor.summary).toBe(
      'No round is open: 2 of 3 eligible clients registered; round 1 opens when 1 more eligible client have come, however long that takes.',
    );
    expect(test.handle.round(1).reason).toBe(
      'tooFewClients: 2 eligible clients were registered when the selection window closed; minClients is 3',
    );
    await join1(test, 'us');
    expect(test.handle.status().phase).toBe('gathering');
    await join1(test, 'eu');
    expect(test.handle.status()).toMatchObject({ phase: 'training', target: 3 });
  });

  it('replaces a lost client by an eligible one, and closes when there is none', async () => {
    const test = await start({ minClients: 3, cohortSize: 3, quorum: 2 });
    const others = await joinFrom(test, 'us', 5);
    const [a, b, c] = (await joinFrom(test, 'eu', 3)) as [TestClient, TestClient, TestClient];
    await a.contribute([1]);
    c.beat();
    test.handle.leave(c.clientId);
    expect(statesOf(others)).toEqual(others.map(() => 'waiting'));
    const d = await join1(test, 'eu');
    expect(d.state).toBe('selected');
    test.handle.leave(d.clientId);
    await b.contribute([3]);
    await test.settle();
    // Two of three, and nobody eligible is left to wait for.
    expect(test.handle.round(1)).toMatchObject({ phase: 'committed', contributions: [{}, {}] });
    expect(test.crashes).toEqual([]);
  });

  it('counts those who leave, are lost, return, and come into the slot of another', async () => {
    const test = await start({
      minClients: 100,
      selectionWindowMs: 10_000_000,
      heartbeatTimeoutMs: 5_000,
      heartbeatIntervalMs: 1_000,
    });
    const have = () => test.handle.status().waitingFor.guard?.have;
    const [eu, lost] = (await joinFrom(test, 'eu', 2)) as [TestClient, TestClient];
    await join1(test, 'us');
    expect(have()).toBe(2);
    test.handle.leave(eu.clientId);
    expect(have()).toBe(1);
    const heir = await join1(test, 'us');
    expect(have()).toBe(1);
    test.handle.rendezvous({ clientId: lost.clientId });
    expect(have()).toBe(1);
    await test.advance(8_000, { alive: [heir] });
    expect(have()).toBe(0);
    await join1(test, 'eu');
    expect(have()).toBe(1);
  });

  it('goes on after a restart with the same clients, and replay says what the server said', async () => {
    const dir = folderForTest();
    const storage = { dir };
    const before = await start({}, { storage });
    await until(() => expect(before.handle.status().phase).toBe('selecting'));
    await joinFrom(before, 'us', 4);
    const clients = await joinFrom(before, 'eu', 2);
    const { uptimeMs: _, aggregator: __, ...said } = before.handle.status();
    await before.chorus.close({ graceMs: 0 });
    const replayed = beginReplay();
    for await (const _ of follow((await openDataFolder(dir)).entries(), replayed));
    expect(statusOf(replayed)).toEqual(said);
    expect(said.waitingFor.summary).toContain('2 of 3 eligible clients');
    const after = await start({}, { storage });
    expect(after.handle.status().waitingFor.guard).toMatchObject({ have: 2, need: 3 });
    const third = await join1(after, 'eu');
    await until(() =>
      expect(after.handle.status()).toMatchObject({ phase: 'training', counts: { selected: 3, waiting: 4 } }),
    );
    for (const client of [...clients.map((client) => after.adopt(client)), third]) await client.contribute([2]);
    await until(() => expect(after.handle.round(1)).toMatchObject({ phase: 'committed' }));
  });

  it('holds for clients of before the run, and ends with it', async () => {
    const test = await start({}, { autoStart: false });
    const us = await joinFrom(test, 'us', 3);
    const eu = await joinFrom(test, 'eu', 3);
    test.handle.startRun();
    await test.settle();
    expect([statesOf(us), statesOf(eu)]).toEqual([Array(3).fill('waiting'), Array(3).fill('selected')]);
    test.handle.stopRun();
    test.handle.startRun({ selectionFilter: 'attributes.region != "eu"' });
    await test.settle();
    expect([statesOf(us), statesOf(eu)]).toEqual([Array(3).fill('selected'), Array(3).fill('waiting')]);
    test.handle.stopRun();
    test.handle.startRun({ selectionFilter: null });
    await test.settle();
    expect(test.handle.status().counts).toMatchObject({ selected: 6, waiting: 0 });
  });

  it('is tried on many clients bit by bit, and draws nobody before all are known', async () => {
    const test = await start({ cohortSize: 100, minClients: 100 }, { autoStart: false, clientsMax: 50_000 });
    for (let client = 0; client < 45_000; client += 1) {
      test.handle.rendezvous({ attributes: { region: client % 2 === 0 ? 'eu' : 'us' } });
    }
    test.handle.startRun();
    await test.settle();
    expect(test.handle.status()).toMatchObject({ phase: 'selecting', waitingFor: { guard: { have: 0, need: 100 } } });
    await test.join({ attributes: { region: 'eu' } });
    expect(test.handle.status().phase).toBe('selecting');
    await test.advance(50, { stepMs: 1 });
    expect(test.handle.status()).toMatchObject({ phase: 'training', counts: { selected: 100 } });
    const { cohort } = test.handle.round(1);
    expect(cohort.every((clientId) => test.handle.client(clientId).attributes?.region === 'eu')).toBe(true);
    // Of the last fifth of the slots as well: this fails by chance once in 10^9.
    const late = test.handle.clients({ cursor: '40000', limit: 1_000 }).clients;
    expect(late.length).toBe(1_000);
    const firstLate = late[0]?.clientId.slice(0, 8) ?? '';
    expect(cohort.some((clientId) => clientId.slice(0, 8) >= firstLate)).toBe(true);
  }, 60_000);
});
