import { describe, expect, it } from 'vitest';
import { LongTimeline, type OlderFacts } from '../../src/actors/long-timeline.ts';
import { Timeline } from '../../src/actors/timeline.ts';
import type { Entry } from '../../src/domain/facts.ts';
import { beginReplay } from '../../src/history/replay.ts';

const registrations = (count: number): Entry[] =>
  Array.from({ length: count }, (_, at) => ({
    ...{ seq: at + 1, atMs: at + 1 },
    fact: { type: 'client.registered', clientId: `client-${at + 1}` } as const,
  }));

/** What happened up to `seq`, as one fact. */
function checkpointAt(entries: readonly Entry[], seq: number): Entry {
  const { history } = beginReplay();
  for (const entry of entries.slice(0, seq)) history.apply(entry);
  return { seq: seq + 1, atMs: seq, fact: { type: 'checkpoint', state: history.checkpoint() } };
}

/** Facts on a disk, of which memory has the last; notes from where they were read. */
function timelineOf(entries: readonly Entry[], { recentFacts = 10, windowFacts = 40, from = 1 } = {}) {
  const recent = new Timeline({ factsMax: recentFacts });
  for (const entry of entries) recent.add(structuredClone(entry));
  const reads: number[] = [];
  let rests = 0;
  const older: OlderFacts = {
    oldest: async () => entries[0]?.seq ?? null,
    async *fromBefore(seq) {
      reads.push(seq);
      for (const entry of entries) if (entry.seq >= from) yield structuredClone(entry);
    },
  };
  const rest = async () => {
    rests += 1;
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { timeline: new LongTimeline({ recent, older, windowFacts, rest }), reads, restsOf: () => rests };
}

describe('the timeline of a server, back to its first fact', () => {
  it('pages through everything, and shows each moment as it was', async () => {
    const { timeline } = timelineOf(registrations(300));
    const seen: number[] = [];
    for (let before: number | undefined = 301; before > 1; ) {
      const page = await timeline.page({ limit: 25, before });
      expect(page).toMatchObject({ firstSeq: 1, lastSeq: 300, onDisk: true });
      seen.unshift(...page.entries.map(({ seq }) => seq));
      before = page.entries[0]?.seq ?? 0;
    }
    expect(seen).toEqual(Array.from({ length: 300 }, (_, at) => at + 1));
    for (const seq of [300, 1, 17, 290, 150]) {
      expect((await timeline.moment(seq)).status.population, String(seq)).toBe(seq);
    }
    await expect(timeline.moment(0)).rejects.toMatchObject({ code: 'MOMENT_UNKNOWN' });
    await expect(timeline.moment(301)).rejects.toMatchObject({ code: 'MOMENT_UNKNOWN' });
  });

  it('reads the disk once for those who move about in one part of it, and not at all for the newest', async () => {
    const { timeline, reads } = timelineOf(registrations(300));
    for (const seq of [300, 295, 291]) await timeline.moment(seq);
    expect(reads).toEqual([]);
    for (const seq of [100, 99, 105, 85, 100]) {
      await timeline.page({ limit: 5, before: seq + 1 });
      expect((await timeline.moment(seq)).status.population).toBe(seq);
    }
    expect(reads).toEqual([100]);
    await timeline.moment(200);
    await timeline.moment(100);
    expect(reads).toEqual([100, 200]);
  });

  it('begins with a checkpoint where one comes before the moment', async () => {
    const before = registrations(100);
    const entries = [...before, checkpointAt(before, 100)];
    for (let seq = 102; seq <= 200; seq += 1) {
      entries.push({ seq, atMs: seq, fact: { type: 'client.registered', clientId: `client-${seq}` } });
    }
    const { timeline, reads } = timelineOf(entries, { from: 101 });
    expect((await timeline.moment(150)).status.population).toBe(149);
    expect(reads).toEqual([150]);
    const { entries: page } = await timeline.page({ limit: 5, before: 141 });
    expect(page.map(({ seq }) => seq)).toEqual([136, 137, 138, 139, 140]);
  });

  it('refuses more questions at once than it bears', async () => {
    const { timeline } = timelineOf(registrations(300));
    const asked = await Promise.allSettled(Array.from({ length: 20 }, (_, at) => timeline.moment(20 + at)));
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(16);
    expect(asked.at(-1)).toMatchObject({ reason: { code: 'RATE_LIMITED' } });
  });

  it('lets others have their turn while much is read', async () => {
    const { timeline, restsOf } = timelineOf(registrations(60_000), { windowFacts: 20_000 });
    expect((await timeline.moment(40_000)).status.population).toBe(40_000);
    expect(restsOf()).toBeGreaterThan(1);
  });

  it('reads no further once the server ends', async () => {
    const { timeline } = timelineOf(registrations(300));
    timeline.close();
    await expect(timeline.moment(100)).rejects.toMatchObject({ code: 'MOMENT_UNKNOWN' });
    expect((await timeline.moment(300)).status.population).toBe(300);
  });

  it('asks a disk again that has failed', async () => {
    const recent = new Timeline({ factsMax: 10 });
    for (const entry of registrations(30)) recent.add(entry);
    let tries = 0;
    const oldest = async () => {
      tries += 1;
      if (tries === 1) throw new Error('too many open files');
      return 1;
    };
    const timeline = new LongTimeline({ recent, older: { oldest, async *fromBefore() {} } });
    await expect(timeline.page()).rejects.toThrow('too many open files');
    expect(await timeline.page()).toMatchObject({ firstSeq: 1, lastSeq: 30 });
  });

  it('has the last facts alone where nothing is on a disk', async () => {
    const recent = new Timeline({ factsMax: 10 });
    for (const entry of registrations(30)) recent.add(entry);
    const timeline = new LongTimeline({ recent, older: null });
    expect(await timeline.page({ limit: 2 })).toMatchObject({ firstSeq: 21, lastSeq: 30, onDisk: false });
    expect((await timeline.page({ before: 21 })).entries).toEqual([]);
    await expect(timeline.moment(20)).rejects.toMatchObject({ code: 'MOMENT_UNKNOWN' });
  });
});
