import { describe, expect, it } from 'vitest';
import type { Plan } from '../../src/domain/plan.ts';
import { TestChorus, type TestClient, vector } from '../../src/testing/index.ts';
import { codeOf } from '../support/code-of.ts';

const chorusWith = (plan: Partial<Plan> = {}) =>
  TestChorus.create({ plan: { rounds: 3, minClients: 3, trainingWindowMs: 10_000, ...plan } });

const weightsOf = async (test: TestChorus, version: number | 'latest' = 'latest') => [
  ...((await test.model(version)).w?.data ?? []),
];

const without = <T>(items: readonly T[], dropped: T): T[] => items.filter((item) => item !== dropped);

/** The clients the round selected. */
const selected = (clients: readonly TestClient[]) => clients.filter((client) => client.state === 'selected');

describe('a run', () => {
  it('commits the exact weighted mean of each round, tells all that it is finished, and a second run starts', async () => {
    const test = await chorusWith();
    const clients = await test.joinMany(3);
    for (let round = 1; round <= 3; round += 1) {
      expect(clients.map((client) => client.beat().state)).toEqual(['selected', 'selected', 'selected']);
      for (const [index, client] of clients.entries()) {
        await client.contribute([round * (index + 1), -index], index + 1);
      }
      await test.settle();
      // (1·1 + 2·2 + 3·3) / 6 = 14/6 and −(0·1 + 1·2 + 2·3) / 6 = −8/6, rounded once to float32.
      expect(await weightsOf(test, round)).toEqual([Math.fround((14 * round) / 6), Math.fround(-8 / 6)]);
    }
    expect(clients.map((client) => client.beat().state)).toEqual(['finished', 'finished', 'finished']);
    expect(test.handle.status()).toMatchObject({ runState: 'finished', round: 3, modelVersion: 3 });

    const second = test.handle.startRun({ rounds: 1 });
    await test.settle();
    expect(second.run).not.toBe(test.handle.rounds()[1]?.run);
    for (const client of clients) await client.contribute([5]);
    await test.settle();
    expect(await weightsOf(test)).toEqual([5]);
    expect(test.handle.status()).toMatchObject({ runState: 'finished', modelVersion: 4 });
    expect(test.crashes).toEqual([]);
  });

  it('refuses a second run while one is going on, and a plan that could not work', async () => {
    const test = await chorusWith();
    expect(await codeOf(() => test.handle.startRun())).toBe('RUN_ACTIVE');
    test.handle.stopRun();
    expect(await codeOf(() => test.handle.startRun({ participantsRatio: 0 }))).toBe('PLAN_INVALID');
    expect(await codeOf(() => test.handle.startRun({ initialModel: 'latest' }))).toBe('PLAN_INVALID');
    expect(await codeOf(() => test.handle.stopRun())).toBe('RUN_STATE');
  });

  it('pauses after the open round, and goes on when it is resumed', async () => {
    const test = await chorusWith();
    const clients = await test.joinMany(3);
    expect(test.handle.pauseRun().runState).toBe('pausing');
    for (const client of clients) await client.contribute([1]);
    await test.settle();
    expect(test.handle.status()).toMatchObject({ runState: 'paused', modelVersion: 1 });
    expect(clients[0]?.beat().state).toBe('standby');
    test.handle.resumeRun();
    await test.settle();
    expect(clients.map((client) => client.beat())).toEqual(
      clients.map(() => expect.objectContaining({ state: 'selected', round: 2 })),
    );
  });

  it('pauses at once when nobody is at work', async () => {
    const test = await chorusWith();
    expect(test.handle.pauseRun()).toMatchObject({ runState: 'paused', phase: 'paused' });
    await test.joinMany(3);
    expect(test.handle.status().counts.selected).toBe(0);
  });

  it('stops when told: clients hear finished, and nothing of the open round counts', async () => {
    const test = await chorusWith();
    const [first, second, third] = await test.joinMany(3);
    await first?.contribute([1]);
    await second?.start();
    expect(test.handle.stopRun()).toMatchObject({ runState: 'stopped' });
    expect(third?.beat().state).toBe('finished');
    expect(await codeOf(() => second?.upload(new Uint8Array(8)))).toBe('UPDATE_DISCARDED');
    expect(test.handle.models()).toEqual([]);
    expect(test.handle.status().counts).toMatchObject({ selected: 0, training: 0, done: 0, waiting: 3 });
  });

  it('takes an initial model before the first commit, and begins the open attempt anew with it', async () => {
    const test = await chorusWith();
    const clients = await test.joinMany(3);
    await clients[0]?.contribute([9]);
    const { bytes } = await modelOf(test, [1, 2]);
    const info = await test.handle.installModel(test.handle.run()?.run ?? '', bytes);
    await test.settle();
    expect(info).toMatchObject({ version: 1, round: 0 });
    expect(test.handle.status()).toMatchObject({ round: 1, attempt: 2, modelVersion: 1, contributions: 0 });
    await clients[1]?.start();
    expect([...(clients[1]?.download()?.w?.data ?? [])]).toEqual([1, 2]);
    expect(await codeOf(() => clients[1]?.contribute([1, 2, 3]))).toBe('MODEL_MISMATCH');
  });

  it('waits for an initial model when the plan says so, and gives up when none comes', async () => {
    const test = await chorusWith({ initialModel: 'upload' });
    await test.joinMany(3);
    expect(test.handle.status()).toMatchObject({ phase: 'awaitingModel', counts: { selected: 0 } });
    await test.advance(601_000, { stepMs: 5_000 });
    expect(test.handle.status()).toMatchObject({ runState: 'stopped' });
  });
});

async function modelOf(test: TestChorus, weights: number[]): Promise<{ bytes: Uint8Array }> {
  const other = await TestChorus.create({ plan: { rounds: 1, minClients: 1 } });
  const [client] = await other.joinMany(1);
  await client?.contribute(weights);
  await other.settle();
  void test;
  return other.handle.openModel('latest');
}

describe('a round', () => {
  it('ends although its last training client is lost (F5)', async () => {
    const test = await chorusWith({ quorum: 2 });
    const clients = await test.joinMany(3);
    const [first, second, third] = clients;
    await first?.contribute([1]);
    await second?.contribute([3]);
    await third?.start();
    await test.advance(30_000, { alive: without(clients, third as TestClient) });
    expect(test.handle.models()).toHaveLength(1);
    expect(await weightsOf(test)).toEqual([2]);
    expect(test.handle.round(1).exclusions).toEqual([expect.objectContaining({ clientId: third?.clientId })]);
  });

  it('closes with the last loss when the rest suffices, without waiting for the deadline', async () => {
    const test = await chorusWith({ quorum: 2, trainingWindowMs: 3_600_000 });
    const [first, second, third] = await test.joinMany(3);
    await first?.contribute([1]);
    await second?.contribute([3]);
    await third?.start();
    test.handle.leave(third?.clientId ?? '');
    await test.settle();
    expect(await weightsOf(test)).toEqual([2]);
    expect(test.handle.round(1).exclusions).toMatchObject([{ clientId: third?.clientId, reason: 'left' }]);
  });

  it('does not commit with fewer updates than its quorum, whatever happens (F6)', async () => {
    const test = await chorusWith({ attemptsMax: 2 });
    const clients = await test.joinMany(3);
    await clients[0]?.contribute([1]);
    await clients[1]?.contribute([1]);
    await test.advance(10_200, { alive: clients });
    expect(test.handle.models()).toEqual([]);
    const [abandoned] = test.handle.rounds(2).slice(-1);
    expect(abandoned).toMatchObject({ phase: 'abandoned', attempt: 1, contributions: [{}, {}] });
    expect(abandoned?.reason).toMatch(/quorumMissed: 2 of the 3 contributions/);
    expect(test.handle.status()).toMatchObject({ round: 1, attempt: 2, phase: 'training' });
  });

  it('is retried as often as the plan allows, then the run pauses with the reason', async () => {
    const test = await chorusWith({ attemptsMax: 2 });
    const clients = await test.joinMany(3);
    await test.advance(21_000, { alive: clients });
    expect(test.handle.status()).toMatchObject({ runState: 'paused', round: 1 });
    expect(test.handle.status().waitingFor.summary).toMatch(/paused: 0 of the 3 contributions needed/);
    test.handle.resumeRun();
    await test.settle();
    for (const client of clients) await client.contribute([4]);
    await test.settle();
    expect(await weightsOf(test)).toEqual([4]);
  });

  it('extends its deadline when the plan says so, and only as often as it says', async () => {
    const test = await chorusWith({ onQuorumMissed: 'extend', extensionsMax: 1 });
    const clients = await test.joinMany(3);
    const firstDeadlineAtMs = test.handle.status().waitingFor.deadlineAtMs ?? 0;
    await test.advance(10_100, { alive: clients });
    expect(test.handle.status()).toMatchObject({ attempt: 1, phase: 'training' });
    expect(test.handle.status().waitingFor.deadlineAtMs).toBe(firstDeadlineAtMs + 10_000);
    await test.advance(10_100, { alive: clients });
    expect(test.handle.status()).toMatchObject({ attempt: 2 });
  });

  it('pauses the run after one miss when the plan says abandon', async () => {
    const test = await chorusWith({ onQuorumMissed: 'abandon' });
    const clients = await test.joinMany(3);
    await test.advance(10_100, { alive: clients });
    expect(test.handle.status()).toMatchObject({ runState: 'paused', round: 1 });
  });

  it('is not blocked by a client that sends heartbeats but never trains (F14)', async () => {
    const test = await chorusWith({ quorum: 2 });
    const clients = await test.joinMany(3);
    await clients[0]?.contribute([1]);
    await clients[1]?.contribute([3]);
    await test.advance(10_100, { alive: clients });
    expect(await weightsOf(test)).toEqual([2]);
    expect(test.handle.round(1).exclusions).toMatchObject([{ clientId: clients[2]?.clientId, reason: 'straggler' }]);
    expect(test.handle.status().round).toBe(2);
  });

  it('selects at participantsRatio 0.8 with one client (F7)', async () => {
    const test = await chorusWith({ participantsRatio: 0.8, minClients: 1, rounds: 1 });
    const [only] = await test.joinMany(1);
    expect(only?.beat().state).toBe('selected');
  });

  it('replaces a client that is lost, that left, whose uploads were refused, or that registered again', async () => {
    const test = await chorusWith({ cohortSize: 4, minClients: 4, uploadAttemptsMax: 1, rounds: 1 });
    const clients = await test.joinMany(4);
    const spare = await test.joinMany(4);
    const [lost, left, refused, again] = clients;
    for (const client of clients) await client.start();
    test.handle.leave(left?.clientId ?? '');
    expect(await codeOf(() => refused?.upload(new Uint8Array(9)))).toBe('MALFORMED_SAFETENSORS');
    test.handle.rendezvous({ clientId: again?.clientId ?? '' });
    test.handle.evict(lost?.clientId ?? '');
    await test.settle();
    expect(selected(spare)).toHaveLength(4);
    for (const [index, client] of spare.entries()) await client.contribute([index]);
    await test.settle();
    expect(await weightsOf(test)).toEqual([1.5]);
    expect(
      test.handle
        .round(1)
        .exclusions.map(({ reason }) => reason)
        .sort(),
    ).toEqual(['evicted', 'left', 'reregistered', 'uploadsRefused']);
  });

  it('records why a client gave a round up whose update was refused, and not that it restarted', async () => {
    const test = await chorusWith({ minClients: 2, quorum: 1, rounds: 2 });
    const [refused, again] = await test.joinMany(2);
    for (const client of [refused, again]) await client?.start();
    expect(await codeOf(() => refused?.upload(vector([Number.NaN])))).toBe('NOT_FINITE');
    for (const client of [refused, again]) test.handle.rendezvous({ clientId: client?.clientId ?? '' });
    expect([refused?.state, again?.state]).toEqual(['ignored', 'ignored']);
    expect(test.handle.round(1).exclusions).toMatchObject([
      { clientId: refused?.clientId, reason: 'uploadsRefused', code: 'NOT_FINITE' },
      { clientId: again?.clientId, reason: 'reregistered' },
    ]);
  });

  it('takes a newcomer as a replacement when nobody else is left', async () => {
    const test = await chorusWith({ trainingWindowMs: 60_000 });
    const [first, second, third] = await test.joinMany(3);
    await first?.contribute([1]);
    await second?.contribute([1]);
    test.handle.leave(third?.clientId ?? '');
    expect(test.handle.status()).toMatchObject({ phase: 'training', contributions: 2 });
    const newcomer = await test.join();
    expect(newcomer.beat().state).toBe('selected');
    await newcomer.contribute([4]);
    await test.settle();
    expect(await weightsOf(test)).toEqual([2]);
  });

  it('closes at cohortSize and lets go of the rest that was over-selected', async () => {
    const test = await chorusWith({ cohortSize: 2, overSelection: 1.5, minClients: 3, rounds: 1 });
    const clients = await test.joinMany(3);
    for (const client of clients) await client.start();
    await clients[0]?.upload({ w: { dtype: 'F32', shape: [1], data: Float32Array.of(1) } });
    await clients[1]?.upload({ w: { dtype: 'F32', shape: [1], data: Float32Array.of(2) } });
    await test.settle();
    expect(await weightsOf(test)).toEqual([1.5]);
    expect(test.handle.round(1).exclusions).toMatchObject([{ clientId: clients[2]?.clientId, reason: 'notNeeded' }]);
    expect(await codeOf(() => clients[2]?.contribute([3]))).toMatch(/CLIENT_NOT_SELECTED/);
    expect(await codeOf(() => clients[2]?.upload(new Uint8Array(8)))).toBe('UPDATE_DISCARDED');
  });

  it('goes on with a quorum when the selection window closes before all wanted are there', async () => {
    const test = await chorusWith({ cohortSize: 4, quorum: 2, minClients: 2, selectionWindowMs: 5_000 });
    const clients = await test.joinMany(2);
    expect(test.handle.status()).toMatchObject({ phase: 'selecting', counts: { selected: 0 } });
    await test.advance(5_100, { alive: clients });
    expect(test.handle.status()).toMatchObject({ phase: 'training', counts: { selected: 2 }, target: 2 });
  });

  it('opens again when clients come after its selection window has closed for want of them', async () => {
    const test = await chorusWith({ selectionWindowMs: 5_000 });
    const [first] = await test.joinMany(1);
    await test.advance(5_100, { alive: [first as TestClient] });
    expect(test.handle.status()).toMatchObject({ phase: 'gathering', round: 1 });
    expect(test.handle.status().waitingFor.summary).toMatch(/1 of 3 clients registered; round 1 opens when 2 more/);
    await test.joinMany(2);
    expect(test.handle.status()).toMatchObject({ phase: 'training', counts: { selected: 3 }, runState: 'running' });
  });

  it('names whom it waits for, and when it gives up', async () => {
    const test = await chorusWith();
    const status = () => test.handle.status();
    expect(status().waitingFor).toMatchObject({ phase: 'selecting', guard: { have: 0, need: 3 } });
    const [first, second, third] = await test.joinMany(3);
    await first?.contribute([1]);
    await second?.start();
    const { waitingFor } = status();
    expect(waitingFor).toMatchObject({ phase: 'training', guard: { have: 1, need: 3 }, clientsTotal: 2 });
    expect(waitingFor.clients.sort()).toEqual([second?.clientId, third?.clientId].sort());
    expect(waitingFor.deadlineAtMs).toBe(waitingFor.sinceMs + 10_000);
    expect(waitingFor.summary).toContain(`1 of 3 updates (quorum 3); waiting for ${second?.clientId.slice(0, 8)}…`);
    expect(waitingFor.summary).toMatch(/at \d\d:\d\d:\d\d UTC it is abandoned and tried again/);
  });

  it('tolerates a selector that names duplicates, strangers, too many or too few', async () => {
    const test = await TestChorus.create({
      plan: { rounds: 1, minClients: 3, cohortSize: 2, quorum: 2 },
      policy: ({ candidates, random }) => {
        const all = candidates.sample(candidates.count, random);
        return ['no-such-client', ...all.slice(0, 1), ...all, crypto.randomUUID()];
      },
    });
    const clients = await test.joinMany(3);
    expect(selected(clients)).toHaveLength(2);
    expect(test.handle.rounds()[0]?.cohort).toHaveLength(2);
  });

  it('does not select whom a selector names although they are at work already', async () => {
    const named: string[] = [];
    const test = await TestChorus.create({
      plan: { rounds: 1, minClients: 3, cohortSize: 2, quorum: 2 },
      policy: ({ candidates, random }) => {
        // Whom it named before first; the coordinator takes no more than it asked for.
        named.push(...candidates.sample(candidates.count, random));
        return named;
      },
    });
    const clients = await test.joinMany(3);
    const [first, second] = selected(clients) as [TestClient, TestClient];
    await first.start();
    test.handle.evict(second.clientId);
    await test.settle();
    expect(first.state).toBe('training');
    expect(selected(clients)).toHaveLength(1);
    expect(test.handle.rounds()[0]?.cohort).toHaveLength(3);
    expect(test.crashes).toEqual([]);
  });

  it('asks again when a selector gave too few, and does not spin when it gives nobody', async () => {
    let asked = 0;
    const test = await TestChorus.create({
      plan: { rounds: 1, minClients: 3, cohortSize: 3 },
      policy: ({ candidates, random }) => {
        asked += 1;
        return asked <= 2 ? candidates.sample(1, random) : [];
      },
    });
    const clients = await test.joinMany(3);
    expect(selected(clients)).toHaveLength(2);
    expect(asked).toBe(3);
    await test.join();
    expect(asked).toBe(4);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('broken policy');
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken policy'))],
  ])('is retried and then pauses the run when the selector %s', async (_, policy) => {
    const test = await TestChorus.create({
      plan: { rounds: 1, minClients: 1, attemptsMax: 2 },
      policy,
      onCrash: () => undefined,
    });
    await test.joinMany(1);
    await test.settle();
    expect(test.handle.status()).toMatchObject({ runState: 'paused', counts: { selected: 0 } });
  });

  it('ends when the selector never answers', async () => {
    const test = await TestChorus.create({
      plan: { rounds: 1, minClients: 1, attemptsMax: 1 },
      policy: () => new Promise(() => undefined),
    });
    const clients = await test.joinMany(1);
    await test.advance(5_200, { alive: clients });
    expect(test.handle.status()).toMatchObject({ runState: 'paused' });
    expect(test.handle.status().waitingFor.summary).toMatch(/selector did not answer/);
  });
});

describe('a client', () => {
  it('that finished training and then times out harms nobody, and its contribution counts (F1)', async () => {
    const test = await chorusWith({ trainingWindowMs: 60_000, heartbeatTimeoutMs: 3_000, heartbeatIntervalMs: 1_000 });
    const [gone, second, third] = (await test.joinMany(3)) as [TestClient, TestClient, TestClient];
    await gone.contribute([1]);
    await test.advance(4_000, { alive: [second, third] });
    expect(gone.state).toBe('doneAndInactive');
    expect(await codeOf(() => gone.beat())).toBe('CLIENT_UNKNOWN');
    await second.contribute([2]);
    await third.contribute([6]);
    await test.settle();
    expect(await weightsOf(test)).toEqual([3]);
    expect(await codeOf(() => test.handle.client(gone.clientId))).toBe('CLIENT_UNKNOWN');
    expect(test.crashes).toEqual([]);
  });

  it('that times out after the run is finished harms nobody (F2)', async () => {
    const test = await chorusWith({ rounds: 1 });
    const clients = await test.joinMany(3);
    for (const client of clients) await client.contribute([1]);
    await test.advance(60_000, { stepMs: 500 });
    expect(test.handle.status()).toMatchObject({ runState: 'finished', population: 0 });
    expect(test.crashes).toEqual([]);
  });

  it.each(['before a run', 'during a run', 'after a run'])(
    'with an unknown id is refused %s, and nothing changes (F3, F4)',
    async (when) => {
      const test = await TestChorus.create({ plan: { rounds: 1, minClients: 1 }, autoStart: when !== 'before a run' });
      if (when === 'after a run') {
        const [client] = await test.joinMany(1);
        await client?.contribute([1]);
        await test.settle();
        expect(test.handle.status().runState).toBe('finished');
      }
      const before = test.handle.status();
      for (const id of [crypto.randomUUID(), 'nonsense', '']) {
        expect(await codeOf(() => test.handle.heartbeat(id))).toBe('CLIENT_UNKNOWN');
        expect(await codeOf(() => test.handle.startTraining(id))).toBe('CLIENT_UNKNOWN');
        expect(await codeOf(() => test.handle.leave(id))).toBe('CLIENT_UNKNOWN');
        expect(await codeOf(() => test.handle.rendezvous({ clientId: id }))).toBe('CLIENT_UNKNOWN');
      }
      expect(test.handle.status()).toEqual(before);
    },
  );

  it('whose heartbeat comes at the moment it expires is never selectable twice (F8)', async () => {
    const test = await chorusWith({ heartbeatTimeoutMs: 3_000, heartbeatIntervalMs: 1_000, minClients: 2, rounds: 1 });
    const [racing] = await test.joinMany(1);
    await test.advance(2_900, { stepMs: 10 });
    for (let step = 0; step < 40; step += 1) {
      await test.advance(10, { stepMs: 10 });
      const code = await codeOf(() => racing?.beat());
      if (code === 'CLIENT_UNKNOWN') break;
    }
    const clients = await test.joinMany(2);
    const cohort = test.handle.rounds()[0]?.cohort ?? [];
    expect(new Set(cohort).size).toBe(cohort.length);
    expect(cohort.length).toBeLessThanOrEqual(test.handle.status().population);
    expect(clients.length).toBe(2);
  });

  it('gets the same token however often it asks, and a bounded number of downloads (F9)', async () => {
    const test = await chorusWith({ downloadsMax: 2, minClients: 1, rounds: 2 });
    const [client] = (await test.joinMany(1)) as [TestClient];
    await client.contribute([1]);
    await test.settle();
    const first = await client.start();
    expect((await client.start()).trainingToken).toBe(first.trainingToken);
    expect(client.download()).not.toBeNull();
    expect(client.download()).not.toBeNull();
    expect(await codeOf(() => client.download())).toBe('DOWNLOADS_EXHAUSTED');
  });

  it('that floods heartbeats leaves nothing behind (F10)', async () => {
    const test = await chorusWith();
    const [client] = (await test.joinMany(1)) as [TestClient];
    const events = test.events.length;
    for (let beat = 0; beat < 10_000; beat += 1) client.beat();
    expect(test.events.length).toBe(events);
    expect(test.handle.metrics()).toMatchObject({ heartbeatsTotal: 10_000, longPollsHeld: 0, population: 1 });
  });

  it('cannot live for ever without heartbeats, in any state (F12)', async () => {
    const test = await chorusWith({ minClients: 4, quorum: 1, trainingWindowMs: 600_000, cohortSize: 3 });
    const [selectedOne, training, done] = await test.joinMany(4);
    await training?.start();
    await done?.contribute([1]);
    void selectedOne;
    await test.advance(30_000, { stepMs: 500 });
    expect(test.handle.status().population).toBe(0);
  });

  it('is counted where it is, after every step of a random walk (F13)', async () => {
    const test = await chorusWith({
      rounds: 50,
      minClients: 2,
      quorum: 1,
      heartbeatTimeoutMs: 2_000,
      heartbeatIntervalMs: 500,
      trainingWindowMs: 3_000,
    });
    const clients = await test.joinMany(6);
    for (let step = 0; step < 300; step += 1) {
      const client = clients[step % clients.length] as TestClient;
      const act = (step * 7919) % 5;
      await codeOf(async () => {
        if (act === 0) await client.contribute([step]);
        else if (act === 1) test.handle.rendezvous({ clientId: client.clientId });
        else if (act === 2) client.beat();
        else if (act === 3) test.handle.leave(client.clientId);
        else await test.advance(700);
      });
      if (act === 3) clients[step % clients.length] = await test.join();
      const recount: Record<string, number> = {
        waiting: 0,
        selected: 0,
        training: 0,
        done: 0,
        doneAndInactive: 0,
        ignored: 0,
      };
      for (const { state } of test.handle.clients({ limit: 1_000 }).clients) recount[state] = (recount[state] ?? 0) + 1;
      expect(test.handle.status().counts).toEqual(recount);
    }
    expect(test.crashes).toEqual([]);
  });

  it('that registers again keeps its id, is out of the round, and is in the next', async () => {
    const test = await chorusWith({ minClients: 3, quorum: 1 });
    const clients = await test.joinMany(3);
    const [asSelected, asTraining, asDone] = clients;
    await asTraining?.start();
    await asDone?.contribute([1]);
    for (const client of clients) {
      expect(test.handle.rendezvous({ clientId: client.clientId }).clientId).toBe(client.clientId);
    }
    await test.settle();
    expect(await weightsOf(test)).toEqual([1]);
    expect(test.handle.round(1).contributions).toMatchObject([{ clientId: asDone?.clientId }]);
    expect(asSelected?.beat()).toMatchObject({ state: 'selected', round: 2 });
    expect(await codeOf(() => asTraining?.upload(new Uint8Array(8)))).toBe('UPDATE_DISCARDED');
  });

  it('is told the time of its next heartbeat, within its timeout, spread around the interval', async () => {
    const test = await chorusWith({ heartbeatIntervalMs: 5_000, heartbeatTimeoutMs: 20_000 });
    const [client] = (await test.joinMany(1)) as [TestClient];
    const paces = Array.from({ length: 200 }, () => client.beat().retryAfterMs);
    expect(Math.min(...paces)).toBeGreaterThanOrEqual(4_500);
    expect(Math.max(...paces)).toBeLessThanOrEqual(5_500);
    expect(new Set(paces).size).toBeGreaterThan(20);
  });
});

describe('a held heartbeat', () => {
  it('is answered the moment the client is selected', async () => {
    const test = await chorusWith({ minClients: 2 });
    const [first] = (await test.joinMany(1)) as [TestClient];
    const held = test.handle.waitHeartbeat(first.clientId, { waitMs: 60_000 });
    expect(test.handle.metrics().longPollsHeld).toBe(1);
    await test.join();
    expect(await held).toMatchObject({ state: 'selected', round: 1 });
    expect(test.handle.metrics().longPollsHeld).toBe(0);
  });

  it('is answered at the end of its wait when nothing happens, and shows meanwhile that the client is there', async () => {
    const test = await chorusWith({ heartbeatTimeoutMs: 2_000, heartbeatIntervalMs: 500, selectionWindowMs: 600_000 });
    const [client] = (await test.joinMany(1)) as [TestClient];
    const held = test.handle.waitHeartbeat(client.clientId, { waitMs: 10_000 });
    await test.advance(9_900);
    expect(client.state).toBe('waiting');
    await test.advance(200);
    expect(await held).toMatchObject({ state: 'standby' });
    await test.advance(3_000);
    expect(test.handle.status().population).toBe(0);
  });

  it('is answered at once when the client last heard something else', async () => {
    const test = await chorusWith({ minClients: 1 });
    const [client] = (await test.joinMany(1)) as [TestClient];
    const known = { state: 'standby', round: 1 } as const;
    expect(await test.handle.waitHeartbeat(client.clientId, { waitMs: 60_000, known })).toMatchObject({
      state: 'selected',
    });
  });

  it('is held no longer than the heartbeat interval when the client is to start, lest it sleep through a second attempt', async () => {
    const test = await chorusWith({ minClients: 1, trainingWindowMs: 10_000, heartbeatIntervalMs: 1_000 });
    const client = await test.join();
    await client.start();
    await test.advance(10_000);
    expect(test.handle.status()).toMatchObject({ round: 1, attempt: 2, phase: 'training' });
    const held = test.handle.waitHeartbeat(client.clientId, { waitMs: 60_000, known: { state: 'selected', round: 1 } });
    expect(test.handle.metrics().longPollsHeld).toBe(1);
    await test.advance(1_000);
    expect(test.handle.metrics().longPollsHeld).toBe(0);
    expect(await held).toMatchObject({ state: 'selected', round: 1 });
  });

  it('counts silence from the moment the caller is gone', async () => {
    const test = await chorusWith({ heartbeatTimeoutMs: 2_000, heartbeatIntervalMs: 500 });
    const [client] = (await test.joinMany(1)) as [TestClient];
    const gone = new AbortController();
    const held = test.handle.waitHeartbeat(client.clientId, { waitMs: 60_000, signal: gone.signal });
    gone.abort();
    await held;
    expect(test.handle.metrics().longPollsHeld).toBe(0);
    await test.advance(3_000);
    expect(test.handle.status().population).toBe(0);
  });

  it('tells a training client at once that its round is over', async () => {
    const test = await chorusWith({ minClients: 2, quorum: 1, cohortSize: 1, overSelection: 2, rounds: 1 });
    const [slow, quick] = (await test.joinMany(2)) as [TestClient, TestClient];
    await slow.start();
    const held = test.handle.waitHeartbeat(slow.clientId, { waitMs: 60_000, known: { state: 'training', round: 1 } });
    await quick.contribute([1]);
    await test.settle();
    expect(await held).toMatchObject({ state: 'standby' });
  });

  it('ends when a newer one of the same client comes', async () => {
    const test = await chorusWith();
    const [client] = (await test.joinMany(1)) as [TestClient];
    const older = test.handle.waitHeartbeat(client.clientId, { waitMs: 60_000 });
    void test.handle.waitHeartbeat(client.clientId, { waitMs: 60_000 });
    expect(await older).toMatchObject({ state: 'standby' });
    expect(test.handle.metrics().longPollsHeld).toBe(1);
  });
});

describe('the same seed', () => {
  it('gives the same transcript and the same bits, and another seed another', async () => {
    const transcript = async (seed: number) => {
      const test = await TestChorus.create({
        seed,
        plan: { rounds: 2, minClients: 5, participantsRatio: 0.6, quorum: 1 },
      });
      const clients = await test.joinMany(5);
      for (let round = 0; round < 2; round += 1) {
        for (const client of selected(clients)) await client.contribute([Math.PI * round, 1 / 3], 7);
        await test.settle();
      }
      return JSON.stringify(test.events);
    };
    const first = await transcript(3);
    expect(await transcript(3)).toBe(first);
    expect(await transcript(4)).not.toBe(first);
  });
});
