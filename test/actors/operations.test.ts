import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDataFolder } from '../../src/audit/data-folder.ts';
import { verify } from '../../src/audit/verify.ts';
import type { Operation } from '../../src/domain/operations.ts';
import type { Plan } from '../../src/domain/plan.ts';
import { TestChorus, type TestChorusOptions, type TestClient, vector } from '../../src/testing/index.ts';
import { entriesOf } from '../audit/support/real-folder.ts';
import { codeOf } from '../support/code-of.ts';
import { folderForTest } from '../support/folder.ts';
import { until } from '../support/until.ts';

type Three = [TestClient, TestClient, TestClient];

const chorusWith = (plan: Partial<Plan> = {}, options: TestChorusOptions = {}) =>
  TestChorus.create({
    ...options,
    plan: { rounds: 3, minClients: 3, quorum: 3, trainingWindowMs: 10_000, heartbeatTimeoutMs: 600_000, ...plan },
  });

const inTraining = async (plan: Partial<Plan> = {}, options: TestChorusOptions = {}) => {
  const test = await chorusWith(plan, options);
  const clients = (await test.joinMany(3)) as Three;
  await until(() => expect(test.handle.status().phase).toBe('training'));
  return { test, clients };
};

const doIt = (test: TestChorus, operation: Operation) => test.handle.operate(operation, { dryRun: false });
const tryOut = (test: TestChorus, operation: Operation) => test.handle.operate(operation, { dryRun: true });

/** All that can be seen of a server from within. */
const everything = (test: TestChorus) => {
  const { uptimeMs: _, ...status } = test.handle.status();
  const events: unknown[] = [];
  test.handle.events.subscribe((event) => events.push(event), { afterId: 0 })();
  const { rounds, clients, audit, run } = test.handle;
  return structuredClone({ status, events, rounds: rounds(), clients: clients(), audit: audit(), run: run() });
};

describe('trying an operation out', () => {
  it('tells what would come of it, changes nothing, and is what then happens', async () => {
    const { test, clients } = await inTraining();
    const [first] = clients;
    await first.start();
    const operations: Operation[] = [
      { operation: 'extendDeadline', byMs: 5_000 },
      { operation: 'lowerQuorum', quorum: 2 },
      { operation: 'evict', clientId: first.clientId },
      { operation: 'pause' },
      { operation: 'stop' },
    ];
    for (const operation of operations) {
      const before = everything(test);
      const tried = tryOut(test, operation);
      expect(tried.sentences.every((sentence) => /^[A-Z].*\.$/.test(sentence))).toBe(true);
      expect(everything(test)).toEqual(before);
      const done = doIt(test, operation);
      expect(done).toEqual({ ...tried, dryRun: false });
      const { runState, phase, counts, contributions, target, quorum, waitingFor } = test.handle.status();
      expect({ runState, phase, counts, contributions, target, quorum, waitingFor }, operation.operation).toMatchObject(
        (({ round: _, attempt: __, ...after }) => after)(done.after as Required<typeof done.after>),
      );
      await test.settle();
    }
    expect(test.crashes).toEqual([]);
  });

  it('writes no fact', async () => {
    const dir = folderForTest();
    const { test } = await inTraining({}, { storage: { dir } });
    await test.settle();
    const entriesOf = async () => {
      const seqs: number[] = [];
      for await (const { seq } of (await openDataFolder(dir)).entries()) seqs.push(seq);
      return seqs.length;
    };
    const before = await entriesOf();
    tryOut(test, { operation: 'stop' });
    tryOut(test, { operation: 'lowerQuorum', quorum: 1 });
    expect(await entriesOf()).toBe(before);
    doIt(test, { operation: 'pause' });
    expect(await entriesOf()).toBeGreaterThan(before);
  });

  it('is refused like the operation itself', async () => {
    const test = await chorusWith();
    const [only] = (await test.joinMany(1)) as [TestClient];
    for (const dryRun of [true, false]) {
      const codes = (
        [
          { operation: 'resume' },
          { operation: 'lowerQuorum', quorum: 3 },
          { operation: 'lowerQuorum', quorum: 4 },
          { operation: 'extendDeadline', byMs: 86_400_001 },
          { operation: 'evict', clientId: only.clientId },
          { operation: 'readmit', clientId: only.clientId },
          { operation: 'evict', clientId: 'nobody' },
        ] as const
      ).map((operation) => codeOf(() => test.handle.operate(operation, { dryRun })));
      expect(await Promise.all(codes)).toEqual([
        'RUN_STATE',
        ...['OPERATION_INAPPLICABLE', 'OPERATION_INAPPLICABLE', 'OPERATION_INAPPLICABLE'],
        ...['CLIENT_NOT_SELECTED', 'OPERATION_INAPPLICABLE', 'CLIENT_UNKNOWN'],
      ]);
    }
    expect(test.handle.audit().entries.map(({ operation }) => operation)).toEqual(['start']);
    doIt(test, { operation: 'stop' });
    expect(await codeOf(() => tryOut(test, { operation: 'extendDeadline', byMs: 1 }))).toBe('OPERATION_INAPPLICABLE');
    expect(await codeOf(() => tryOut(test, { operation: 'lowerQuorum', quorum: 1 }))).toBe('OPERATION_INAPPLICABLE');
  });
});

describe('a quorum that an operator would lower', () => {
  it('stays where the strategy could make nothing of fewer contributions, and the refusal says so', async () => {
    const { test } = await inTraining({ strategy: 'trimmed-mean', strategyParameters: { trimCount: 1 } });
    expect(() => doIt(test, { operation: 'lowerQuorum', quorum: 2 })).toThrow(
      'The strategy could make no model of so few: trimmed-mean takes away 1 contributions at each end, so it needs more than 2; there are 2',
    );
    expect(test.handle.status().quorum).toBe(3);
    expect(test.handle.audit().entries.map(({ operation }) => operation)).toEqual(['start']);
  });
});

describe('a deadline that an operator extends', () => {
  it('passes later, and only for the phase that is open', async () => {
    const { test, clients } = await inTraining({ quorum: 1 });
    const [first, second, third] = clients;
    await first.contribute([1, 2]);
    const { deadlineAtMs } = test.handle.round(1);
    doIt(test, { operation: 'extendDeadline', byMs: 7_000 });
    expect(test.handle.status().waitingFor.deadlineAtMs).toBe((deadlineAtMs ?? 0) + 7_000);
    await test.advance(16_000, { alive: clients });
    expect(test.handle.status().phase).toBe('training');
    await test.advance(2_000, { alive: clients });
    expect(test.handle.round(1).phase).toBe('committed');
    expect([second.state, third.state]).not.toContain('training');
    const { trainingAtMs, deadlineAtMs: next } = test.handle.round(2);
    expect((next ?? 0) - (trainingAtMs ?? 0)).toBe(10_000);
  });

  it('is extended by a day at once and a week in all, no more', async () => {
    const { test } = await inTraining();
    for (let day = 0; day < 7; day += 1) doIt(test, { operation: 'extendDeadline', byMs: 86_400_000 });
    expect(await codeOf(() => doIt(test, { operation: 'extendDeadline', byMs: 1 }))).toBe('OPERATION_INAPPLICABLE');
  });

  it('holds after a restart, also when it lies beyond a whole window', async () => {
    const dir = folderForTest();
    const { test } = await inTraining({}, { storage: { dir } });
    doIt(test, { operation: 'extendDeadline', byMs: 50_000 });
    const { deadlineAtMs } = test.handle.status().waitingFor;
    await test.chorus.close({ graceMs: 0 });
    const again = await chorusWith({}, { storage: { dir } });
    expect(again.handle.status().waitingFor.deadlineAtMs).toBe(deadlineAtMs);
  });
});

describe('a quorum that an operator lowers', () => {
  it('lets the round close at once when nobody is left to wait for', async () => {
    const { test, clients } = await inTraining();
    const [first, second, third] = clients;
    for (const client of [first, second]) await client.contribute([2, 4]);
    test.handle.leave(third.clientId);
    await test.settle();
    expect(test.handle.status().phase).toBe('training');
    const { sentences } = doIt(test, { operation: 'lowerQuorum', quorum: 2 });
    expect(sentences.join(' ')).toContain('closes at once, with 2 updates');
    await until(() => expect(test.handle.round(1).phase).toBe('committed'));
    expect(test.handle.round(1)).toMatchObject({
      quorum: 2,
      quorumLowered: [{ from: 3, to: 2, by: 'this process', auditSeq: 2 }].map(({ auditSeq: _, ...one }) => one),
    });
  });

  it.each(['update', 'round'] as const)(
    'is what verify holds the commit against, with durability "%s"',
    async (durability) => {
      const dir = folderForTest();
      const { test, clients } = await inTraining({}, { storage: { dir }, durability });
      for (const client of clients.slice(0, 2)) await client.contribute([1, 1]);
      doIt(test, { operation: 'lowerQuorum', quorum: 2 });
      await test.advance(11_000, { alive: clients });
      await until(() => expect(test.handle.rounds().at(-1)?.phase).toBe('committed'));
      await test.chorus.close({ graceMs: 0 });
      expect(await verify(await openDataFolder(dir))).toMatchObject({ problems: [], roundsCommitted: 1 });
    },
  );

  it('is that of the plan again for the next attempt, and holds after a restart for this one', async () => {
    const dir = folderForTest();
    const { test, clients } = await inTraining({}, { storage: { dir } });
    doIt(test, { operation: 'lowerQuorum', quorum: 1 });
    await test.chorus.close({ graceMs: 0 });
    const again = await chorusWith({}, { storage: { dir } });
    expect(again.handle.status().quorum).toBe(1);
    await again.advance(11_000, { alive: clients.map((client) => again.adopt(client)) });
    await until(() => expect(again.handle.status()).toMatchObject({ attempt: 2, quorum: 3 }));
  });
});

describe('a client that is let in again', () => {
  it('is chosen for the open round, trains, and counts once', async () => {
    const { test, clients } = await inTraining();
    const [first, second, third] = clients;
    await first.start();
    doIt(test, { operation: 'evict', clientId: first.clientId });
    expect(first.state).toBe('ignored');
    await expect(first.upload(vector([9, 9]))).rejects.toMatchObject({ code: 'UPDATE_DISCARDED' });
    expect(doIt(test, { operation: 'readmit', clientId: first.clientId }).sentences.join(' ')).toContain('at once');
    await test.settle();
    expect(first.state).toBe('selected');
    for (const client of [first, second, third]) await client.contribute([3, 6]);
    await test.settle();
    const { cohort, contributions, exclusions, phase } = test.handle.round(1);
    expect({ phase, exclusions, cohort: cohort.length, contributions: contributions.length }).toEqual({
      ...{ phase: 'committed', exclusions: [], cohort: 3, contributions: 3 },
    });
    expect(new Set(cohort)).toEqual(new Set(clients.map(({ clientId }) => clientId)));
    expect(test.crashes).toEqual([]);
  });

  it('must not have contributed already', async () => {
    const { test, clients } = await inTraining();
    const [first] = clients;
    await first.contribute([1, 1]);
    test.handle.rendezvous({ clientId: first.clientId });
    expect(first.state).toBe('ignored');
    expect(await codeOf(() => doIt(test, { operation: 'readmit', clientId: first.clientId }))).toBe(
      'OPERATION_INAPPLICABLE',
    );
  });

  it.each(['update', 'round'] as const)(
    'and was out of it before, is no harm to a restart with durability "%s"',
    async (durability) => {
      const dir = folderForTest();
      const { test, clients } = await inTraining({}, { storage: { dir }, durability });
      const [first, second] = clients;
      doIt(test, { operation: 'evict', clientId: first.clientId });
      doIt(test, { operation: 'evict', clientId: second.clientId });
      doIt(test, { operation: 'readmit', clientId: first.clientId });
      await test.settle();
      const { counts } = test.handle.status();
      await test.chorus.close({ graceMs: 0 });
      const again = await chorusWith({}, { storage: { dir }, durability });
      expect(again.handle.status().population).toBe(3);
      if (durability === 'update') expect(again.handle.status().counts).toEqual(counts);
    },
  );
});

describe('the audit log', () => {
  it('holds what was done, newest first, in a chain that holds after a restart', async () => {
    const dir = folderForTest();
    const { test, clients } = await inTraining({}, { storage: { dir } });
    const origin = { by: 'admin token', from: 'loopback' } as const;
    test.handle.pauseRun(origin);
    test.handle.operate({ operation: 'evict', clientId: clients[0].clientId }, { dryRun: false, origin });
    test.handle.stopRun();
    test.handle.startRun({ rounds: 2 }, origin);
    const log = test.handle.audit();
    expect(log.isIntact).toBe(true);
    expect(log.entries.map(({ seq, operation, by, from }) => [seq, operation, by, from])).toEqual([
      [5, 'start', 'admin token', 'loopback'],
      [4, 'stop', 'this process', 'inside'],
      [3, 'evict', 'admin token', 'loopback'],
      [2, 'pause', 'admin token', 'loopback'],
      [1, 'start', 'configuration', 'inside'],
    ]);
    const hashes = log.entries.map(({ hash }) => hash);
    expect(log.entries.map(({ previousHash }) => previousHash)).toEqual([...hashes.slice(1), '0'.repeat(64)]);
    await test.chorus.close({ graceMs: 0 });
    const again = await chorusWith({}, { storage: { dir } });
    expect(again.handle.audit()).toEqual(log);
    doIt(again, { operation: 'stop' });
    expect(again.handle.audit(1)).toMatchObject({ isIntact: true, entries: [{ seq: 6, previousHash: hashes[0] }] });
    await again.chorus.close({ graceMs: 0 });
    expect((await verify(await openDataFolder(dir))).problems).toEqual([]);
  });
});

describe('the record of a round', () => {
  it.each(['update', 'round'] as const)(
    'tells when each client came to each step, and the bytes, with durability "%s"',
    async (durability) => {
      const dir = folderForTest();
      const { test, clients } = await inTraining({ initialModel: 'none' }, { storage: { dir }, durability });
      await test.advance(100, { alive: clients });
      for (const client of clients) {
        await client.start();
        client.download();
        await test.advance(200, { alive: clients });
        await client.contribute([1, 2]);
      }
      await until(() => expect(test.handle.round(1).phase).toBe('committed'));
      const { marks = [], bytesIn, bytesOut, cohort } = test.handle.round(1);
      expect(marks.map(({ clientId }) => clientId)).toEqual(cohort);
      for (const { selectedAtMs, startedAtMs, downloadedAtMs, uploadingAtMs } of marks) {
        const steps = [selectedAtMs, startedAtMs ?? 0, downloadedAtMs ?? 0, uploadingAtMs ?? 0];
        expect(steps).toEqual(steps.toSorted((a, b) => a - b));
        expect((uploadingAtMs ?? 0) - (downloadedAtMs ?? 0)).toBe(200);
      }
      // Three updates of a header and two float32 each; there was no model to hand out.
      expect(bytesIn).toBeGreaterThan(3 * 8);
      expect(bytesOut).toBe(0);
      const record = test.handle.round(1);
      await test.chorus.close({ graceMs: 0 });
      const again = await chorusWith({}, { storage: { dir }, durability });
      expect(again.handle.rounds().find(({ round }) => round === 1)).toEqual(record);
    },
  );
});

describe('an operation and what it leads to', () => {
  const operations: [string, (test: TestChorus, clientId: string) => void, string[]][] = [
    ['pausing', (test) => test.handle.pauseRun(), ['operation', 'position']],
    ['stopping', (test) => test.handle.stopRun(), ['operation', 'round.abandoned', 'position']],
    ['extending', (test) => doIt(test, { operation: 'extendDeadline', byMs: 5_000 }), ['operation', 'position']],
    ['lowering', (test) => doIt(test, { operation: 'lowerQuorum', quorum: 1 }), ['operation', 'quorum.lowered']],
    ['evicting', (test, clientId) => doIt(test, { operation: 'evict', clientId }), ['operation', 'client.evicted']],
  ];

  it.each(operations)('are on the disk together, or neither is: %s', async (_, act, facts) => {
    const dir = folderForTest();
    const { test, clients } = await inTraining({}, { storage: { dir } });
    const before = (await entriesOf(dir)).length;
    act(test, clients[0].clientId);
    const entries = await entriesOf(dir);
    expect(entries.slice(before, before + facts.length).map(({ fact }) => fact.type)).toEqual(facts);
    // Of facts that were appended together, all but the last say how many follow; a torn append is none of them.
    const journal = readFileSync(join(dir, 'journal', '00000001.log'), 'utf8');
    const at = journal.split('\n').find((line) => line.includes(`"seq":${before + 1},`));
    expect(at).toMatch(`"more":${facts.length - 1},`);
    await test.chorus.close({ graceMs: 0 });
  });
});
