import { describe, expect, it } from 'vitest';
import { factsOf } from '../../dashboard/src/views/rounds/round-facts.ts';
import { countShapes, reportingTimes, sessionsOf } from '../../dashboard/src/views/rounds/sessions.ts';
import type { DetailedRound } from '../../src/dashboard/contract.ts';
import { partOf, summaryOf } from '../../src/dashboard/summary.ts';

/** Opened at 0; training from 100 to 1,000; `a` contributed, `b` was lost, `c` was not needed. */
const record: DetailedRound = {
  ...{ run: 'r', round: 3, attempt: 1, kind: 'training', phase: 'committed', openedAtMs: 0, trainingAtMs: 100 },
  ...{ aggregatingAtMs: 1_000, endedAtMs: 1_100, deadlineAtMs: null, target: 3, quorum: 1 },
  cohort: ['a', 'b', 'c'],
  contributions: [
    { round: 3, clientId: 'a', sha256: 'f00d', numExamples: 4, acceptedAtMs: 600, metrics: { loss: 0.5 } },
  ],
  exclusions: [
    { clientId: 'b', reason: 'heartbeatTimeout', atMs: 700 },
    { clientId: 'c', reason: 'notNeeded', atMs: 1_000 },
  ],
  ...{ modelVersion: 3, reason: null, metrics: { loss: 0.5 }, numExamples: 4 },
};

describe('the sessions of a cohort', () => {
  it('last from the beginning of training to the verdict on each client', () => {
    const sessions = sessionsOf(record, 5_000);
    expect(sessions.map(({ clientId, outcome, settledAtMs }) => [clientId, outcome, settledAtMs])).toEqual([
      ['a', 'accepted', 600],
      ['b', 'heartbeatTimeout', 700],
      ['c', 'notNeeded', 1_000],
    ]);
    expect(sessions[0]?.spans).toEqual([{ step: 'atWork', fromMs: 100, toMs: 600 }]);
  });

  it('tell who was accepted and then left out of the model, and whose update was old', () => {
    const [a] = record.contributions;
    const two = [
      { ...a, staleness: 2 },
      { ...a, clientId: 'b' },
    ] as typeof record.contributions;
    const robust = { ...record, contributions: two, exclusions: [], members: ['a'] };
    const sessions = sessionsOf(robust, 5_000);
    expect(sessions.map(({ isUnused, staleness }) => [isUnused, staleness])).toEqual([
      [false, 2],
      [true, 0],
      [false, 0],
    ]);
    // The round is over, and nothing was said of the third: it goes on into the next.
    expect(sessions.map(({ goesOn }) => goesOn)).toEqual([false, false, true]);
    expect(partOf('b', robust)).toMatchObject({ outcome: 'accepted', isUnused: true });
    expect(partOf('a', robust)).toMatchObject({ isUnused: false });
    expect(partOf('c', robust)).toMatchObject({ outcome: 'open', isUnused: false });
    expect(summaryOf(robust).used).toBe(1);
    const facts = new Map(factsOf(robust, null));
    expect(facts.get('Made of')).toBe('1 of 2 updates; the strategy left 1 out');
    expect(facts.get('Age of updates')).toBe('1.0 versions on average, 2 at most; 1 of the newest');
    expect(facts.has('Wanted because')).toBe(false);
  });

  it('come with why so many were wanted, where past rounds said it', () => {
    const summary = '50.0 % of selected clients report within 1000 ms (40 outcomes), so 26 selected give 10';
    const facts = new Map(factsOf({ ...record, overSelected: { selected: 26, summary } }, null));
    expect(facts.get('Wanted because')).toBe(summary);
  });

  it('go on until now where a client is not settled', () => {
    const open = { ...record, contributions: [], exclusions: [], endedAtMs: null };
    const [first] = sessionsOf(open, 900);
    expect(first).toMatchObject({ outcome: null, settledAtMs: null, spans: [{ fromMs: 100, toMs: 900 }] });
  });

  it('are told step by step when the server has marked the steps', () => {
    const marks = [
      { clientId: 'a', selectedAtMs: 110, startedAtMs: 150, downloadedAtMs: 200, uploadingAtMs: 580 },
      { clientId: 'b', selectedAtMs: 110, startedAtMs: 160, downloadedAtMs: null, uploadingAtMs: null },
      { clientId: 'c', selectedAtMs: 110, startedAtMs: 160, downloadedAtMs: 220, uploadingAtMs: 990 },
    ];
    const sessions = sessionsOf({ ...record, marks }, 5_000);
    expect(sessions[0]?.spans.map(({ step, toMs }) => [step, toMs])).toEqual([
      ['selected', 150],
      ['downloading', 200],
      ['training', 580],
      ['uploading', 600],
    ]);
    expect(sessions.map(({ shape }) => shape)).toEqual(['-v[]+^', '-·!', '-v[]+#']);
  });

  it('have shapes, counted from the most frequent on; what is not recorded is not guessed', () => {
    expect(countShapes(sessionsOf(record, 5_000))).toEqual([
      { shape: '-··!', sessions: 2 },
      { shape: '-v[]+^', sessions: 1 },
    ]);
  });
});

describe('reporting times', () => {
  it('are counted from the beginning of training in buckets of round length', () => {
    const times = [150, 190, 420, 1_090].map((acceptedAtMs, index) => ({
      ...{ round: 3, clientId: String(index), sha256: '', numExamples: 1, metrics: {} },
      acceptedAtMs,
    }));
    const buckets = reportingTimes({ ...record, contributions: times });
    expect(buckets.reduce((sum, { clients }) => sum + clients, 0)).toBe(4);
    expect(buckets.every(({ fromMs, toMs }) => toMs - fromMs === 50)).toBe(true);
    expect(buckets[1]).toEqual({ fromMs: 50, toMs: 100, clients: 2 });
  });

  it('are none where nobody reported', () => {
    expect(reportingTimes({ ...record, contributions: [] })).toEqual([]);
  });
});

describe('a round in short', () => {
  it('counts its clients instead of naming them', () => {
    expect(summaryOf(record)).toMatchObject({
      ...{ cohort: 3, contributions: 1, exclusions: { heartbeatTimeout: 1, notNeeded: 1 }, bytesIn: null },
    });
  });

  it('knows what each client was to it', () => {
    expect(partOf('a', record)).toMatchObject({ outcome: 'accepted', atMs: 600, numExamples: 4 });
    expect(partOf('b', record)).toMatchObject({ outcome: 'heartbeatTimeout', numExamples: null });
    expect(partOf('stranger', record)).toBeNull();
  });
});
