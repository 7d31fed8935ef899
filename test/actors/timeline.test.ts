import { describe, expect, it, onTestFinished } from 'vitest';
import { Timeline } from '../../src/actors/timeline.ts';
import type { Entry } from '../../src/domain/facts.ts';
import { beginReplay, type Replayed } from '../../src/history/replay.ts';
import { statusOf } from '../../src/history/situation.ts';
import { TestChorus } from '../../src/testing/index.ts';
import { entriesOf } from '../audit/support/real-folder.ts';
import { folderForTest } from '../support/folder.ts';
import { until } from '../support/until.ts';

/** A run with an eviction and two committed rounds in a real folder, and its facts. */
async function eventfulRun(): Promise<{ dir: string; entries: Entry[]; test: TestChorus }> {
  const dir = folderForTest();
  const test = await TestChorus.create({
    storage: { dir },
    plan: { rounds: 3, minClients: 3, quorum: 1, heartbeatTimeoutMs: 600_000 },
  });
  const clients = await test.joinMany(3);
  for (const round of [1, 2]) {
    await until(() => expect(test.handle.status()).toMatchObject({ round, phase: 'training' }));
    const [first, ...others] = clients;
    if (round === 1) test.handle.evict(first?.clientId ?? '');
    for (const client of round === 1 ? others : clients) await client.contribute([round, 1]);
  }
  await until(() => expect(test.handle.status()).toMatchObject({ round: 3, phase: 'training' }));
  return { dir, test, entries: await entriesOf(dir) };
}

const statusAfter = (entries: readonly Entry[], seq: number) => {
  const replayed: Replayed = beginReplay();
  for (const entry of entries) if (entry.seq <= seq) replayed.history.apply(entry);
  return statusOf(replayed);
};

const timelineOf = (entries: readonly Entry[], options = {}) => {
  const timeline = new Timeline(options);
  for (const entry of entries) timeline.add(structuredClone(entry));
  return timeline;
};

describe('the timeline of a server', () => {
  it('tells how things stood after each of its facts, in any order of asking, as a replay of the folder does', async () => {
    const { test, entries } = await eventfulRun();
    const { firstSeq, lastSeq } = await test.handle.history();
    expect([firstSeq, lastSeq]).toEqual([1, entries.length]);
    const seqs = entries.map(({ seq }) => seq);
    for (const seq of [...seqs, ...seqs.toReversed(), ...seqs.filter((one) => one % 7 === 0)]) {
      const { status } = await test.handle.moment(seq);
      expect(status).toEqual({ ...statusAfter(entries, seq), aggregator: 'idle', uptimeMs: 0 });
    }
  });

  it('is the same when only the last facts are kept, and for questions that come at once', async () => {
    const { entries } = await eventfulRun();
    const timeline = timelineOf(entries, { factsMax: 25 });
    const { firstSeq, lastSeq } = timeline.page();
    expect(lastSeq - firstSeq).toBe(24);
    const seqs = Array.from({ length: 16 }, (_, index) => lastSeq - ((index * 7) % 25));
    const moments = await Promise.all(seqs.map((seq) => timeline.moment(seq)));
    for (const [index, { status, rounds }] of moments.entries()) {
      expect(status).toMatchObject(statusAfter(entries, seqs[index] ?? 0));
      expect(rounds[0]?.round).toBeLessThanOrEqual(3);
    }
  });

  it('goes on over a restart', async () => {
    const { dir, test, entries } = await eventfulRun();
    await test.chorus.close({ graceMs: 0 });
    const again = await TestChorus.create({ storage: { dir } });
    onTestFinished(() => again.chorus.close({ graceMs: 0 }));
    expect((await again.handle.moment(entries.length)).status).toMatchObject(statusAfter(entries, entries.length));
    expect((await again.handle.history()).lastSeq).toBeGreaterThan(entries.length);
    expect((await again.handle.history()).entries.map(({ type }) => type)).toContain('round.committed');
  });

  it('numbers its facts where nothing outlives the process as well', async () => {
    const test = await TestChorus.create({ plan: { rounds: 1, minClients: 1 } });
    const client = await test.join({ name: 'Ada Lovelace' });
    await client.contribute([1]);
    await test.settle();
    const { firstSeq, lastSeq, entries } = await test.handle.history({ limit: 1_000 });
    expect(entries.map(({ seq }) => seq)).toEqual(
      Array.from({ length: lastSeq - firstSeq + 1 }, (_, at) => firstSeq + at),
    );
    expect((await test.handle.moment(lastSeq)).status).toMatchObject({ runState: 'finished', modelVersion: 1 });
    // Who a client says it is, is for operators.
    expect(JSON.stringify(entries)).not.toContain('Lovelace');
  });

  it('pages backwards, and refuses moments that are not kept', async () => {
    const timeline = timelineOf((await eventfulRun()).entries, { factsMax: 25 });
    const { firstSeq, lastSeq, entries } = timeline.page({ limit: 10 });
    expect(entries.map(({ seq }) => seq)).toEqual(Array.from({ length: 10 }, (_, at) => lastSeq - 9 + at));
    expect(timeline.page({ limit: 3, before: lastSeq - 9 }).entries.map(({ seq }) => seq)).toEqual(
      [12, 11, 10].map((back) => lastSeq - back),
    );
    expect(timeline.page({ before: firstSeq }).entries).toEqual([]);
    for (const seq of [0, firstSeq - 1, lastSeq + 1]) {
      await expect(timeline.moment(seq)).rejects.toMatchObject({ code: 'MOMENT_UNKNOWN' });
    }
    await expect(new Timeline().moment(1)).rejects.toMatchObject({ code: 'MOMENT_UNKNOWN' });
  });

  it('refuses more questions at once than it bears, and lets others have their turn meanwhile', async () => {
    const entries: Entry[] = [
      { seq: 1, atMs: 1, fact: { type: 'server.started', version: '1', durability: 'update' } },
    ];
    for (let seq = 2; seq <= 5_000; seq += 1) {
      entries.push({ seq, atMs: seq, fact: { type: 'client.registered', clientId: `client-${seq}` } });
    }
    let turns = 0;
    const breathe = async () => {
      turns += 1;
      await new Promise((resolve) => setImmediate(resolve));
    };
    const timeline = timelineOf(entries, { breathe });
    const asked = await Promise.allSettled(Array.from({ length: 20 }, () => timeline.moment(5_000)));
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(16);
    expect(asked.at(-1)).toMatchObject({ reason: { code: 'RATE_LIMITED' } });
    // The first had the whole way to go, the others none.
    expect(turns).toBe(10);
  });

  it('follows no more clients than it has memory for', async () => {
    const entries: Entry[] = Array.from({ length: 50 }, (_, at) => ({
      ...{ seq: at + 1, atMs: at },
      fact: { type: 'client.registered', clientId: `client-${at}` },
    }));
    const timeline = timelineOf(entries, { factsMax: 10, clientsMax: 30 });
    expect(timeline.page()).toEqual({ firstSeq: 0, lastSeq: 0, entries: [] });
  });
});
