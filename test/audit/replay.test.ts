import { beforeAll, describe, expect, it } from 'vitest';
import type { Entry } from '../../src/domain/facts.ts';
import type { Status } from '../../src/domain/handle.ts';
import { beginReplay, follow } from '../../src/history/replay.ts';
import { sentenceOf } from '../../src/history/sentence.ts';
import { type PastStatus, statusOf } from '../../src/history/situation.ts';
import { adventure } from '../history/support/adventure.ts';
import type { Scene } from '../history/support/scene.ts';
import { memoryFolder } from './support/memory-folder.ts';

let scene: Scene;
let entries: Entry[];
beforeAll(async () => {
  scene = await adventure();
  entries = await scene.entries();
});

/** The state after a fact, from the facts alone. */
async function statusAfter(seq: number): Promise<PastStatus> {
  const replayed = beginReplay();
  for await (const _ of follow(memoryFolder(scene.disk).entries(), replayed, seq));
  return statusOf(replayed);
}

/** Whom a round waits for is told in no order, and the first five are named. */
const inAnyOrder = ({ waitingFor, ...status }: PastStatus) => ({
  ...status,
  waitingFor: {
    ...waitingFor,
    clients: waitingFor.clients.toSorted(),
    summary: waitingFor.summary.replace(/waiting for [0-9a-f]{8}….*? \(/, 'waiting for some ('),
  },
});

describe('a replay', () => {
  it('comes to the status that the server gave at each moment at which nothing was under way', async () => {
    const moments = new Map(scene.seen.map(({ seq, status }) => [seq, status]));
    expect(moments.size).toBeGreaterThan(40);
    for (const [seq, status] of moments) {
      const { aggregator: _, uptimeMs: __, ...told }: Status = status;
      expect({ seq, ...inAnyOrder(await statusAfter(seq)) }).toEqual({ seq, ...inAnyOrder(told) });
    }
  });

  it('stops where it is told to', async () => {
    const replayed = beginReplay();
    const seen: number[] = [];
    for await (const { seq } of follow(memoryFolder(scene.disk).entries(), replayed, 3)) seen.push(seq);
    expect(seen).toEqual([1, 2, 3]);
    expect(replayed.history.seq).toBe(3);
  });

  it('says why a round waited then', async () => {
    const seq = entries.find(({ fact }) => fact.type === 'update.accepted')?.seq ?? 0;
    expect((await statusAfter(seq)).waitingFor.summary).toMatch(
      /^Round 1 has 1 of 3 updates \(quorum 2\); waiting for .* \(0 training, 2 not started\); at 00:00:06 UTC its deadline is extended by 6 s\.$/,
    );
  });

  it('has a sentence for each fact, and no two kinds share one', () => {
    const kinds = new Map<string, string>();
    for (const { fact } of entries) {
      const sentence = sentenceOf(fact);
      expect(sentence).toMatch(/^\S.{8,}[^.]$/);
      const shape = sentence.replace(/[0-9a-f]{8,}|\d+/g, '#');
      expect(kinds.get(shape) ?? fact.type).toBe(fact.type);
      kinds.set(shape, fact.type);
    }
  });
});
