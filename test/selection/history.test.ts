import { describe, expect, it } from 'vitest';
import type { Contribution, Exclusion, RoundRecord } from '../../src/domain/handle.ts';
import { ClientHistory } from '../../src/selection/history.ts';
import { RoundLessons } from '../../src/selection/round-lessons.ts';
import { TestChorus } from '../../src/testing/test-chorus.ts';

/** All that is known of a slot. */
const knownOf = (history: ClientHistory, slot: number) => ({
  lastRound: history.lastRound(slot),
  timesSelected: history.timesSelected(slot),
  turns: history.turns(slot),
  numExamples: history.numExamples(slot),
  loss: history.loss(slot),
  reportMs: history.reportMs(slot),
  failuresInRow: history.failuresInRow(slot),
});
const nothing = {
  lastRound: 0,
  timesSelected: 0,
  turns: 0,
  numExamples: Number.NaN,
  loss: Number.NaN,
  reportMs: Number.NaN,
  failuresInRow: 0,
};

describe('the history of clients', () => {
  it('knows nothing of a client that it was told nothing of', () => {
    expect(knownOf(new ClientHistory(), 5)).toEqual(nothing);
  });

  it('keeps what a client reported last', () => {
    const history = new ClientHistory('perplexity');
    history.registered(2_000_000);
    history.roundBegan();
    history.selected(3);
    history.reported(3, { ms: 900, numExamples: 7, metrics: { loss: 1, perplexity: 4 } });
    history.roundBegan();
    history.selected(3);
    history.reported(3, { ms: 800, numExamples: 9, metrics: { loss: 1 } });
    expect(knownOf(history, 3)).toEqual({
      lastRound: 2,
      timesSelected: 2,
      turns: 2,
      numExamples: 9,
      loss: Number.NaN,
      reportMs: 800,
      failuresInRow: 0,
    });
  });

  it('takes a late client to be at least as slow as it was waited for, and no faster than it was', () => {
    const history = new ClientHistory();
    history.late(1, 500);
    expect(history.reportMs(1)).toBe(500);
    history.reported(2, { ms: 700, numExamples: 1, metrics: {} });
    history.late(2, 500);
    expect(history.reportMs(2)).toBe(700);
  });

  it('counts failures in a row, which a report ends', () => {
    const history = new ClientHistory();
    for (let time = 0; time < 300; time += 1) history.failed(1);
    expect(history.failuresInRow(1)).toBe(255);
    history.reported(1, { ms: 1, numExamples: 1, metrics: {} });
    expect(history.failuresInRow(1)).toBe(0);
  });

  it('forgets the former owner of a slot', () => {
    const history = new ClientHistory();
    history.registered(1);
    history.selected(1);
    history.failed(1);
    history.reported(1, { ms: 1, numExamples: 1, metrics: { loss: 1 } });
    history.registered(1);
    expect(knownOf(history, 1)).toEqual(nothing);
    expect(history.registrationOf(1)).toBe(2);
  });

  it('learns only of times from a client that is not known any more', () => {
    const history = new ClientHistory();
    history.reported(-1, { ms: 10, numExamples: 1, metrics: {} });
    history.late(-1, 10);
    history.failed(-1);
    history.selected(-1);
    expect(history.reportingTimes.count).toBe(3);
    expect(history.timesSelected(0)).toBe(0);
  });
});

const record = (given: Partial<RoundRecord>): RoundRecord => ({
  run: 'r',
  round: 1,
  attempt: 1,
  kind: 'training',
  phase: 'committed',
  openedAtMs: 0,
  trainingAtMs: 1_000,
  aggregatingAtMs: null,
  endedAtMs: null,
  deadlineAtMs: null,
  target: 0,
  quorum: 1,
  cohort: [],
  contributions: [],
  exclusions: [],
  modelVersion: null,
  reason: null,
  metrics: {},
  numExamples: 0,
  ...given,
});
const contribution = (clientId: string, acceptedAtMs: number): Contribution => ({
  clientId,
  round: 1,
  sha256: '',
  numExamples: 5,
  acceptedAtMs,
  metrics: { loss: 0.5 },
});
const exclusion = (clientId: string, reason: Exclusion['reason'], atMs: number): Exclusion => ({
  clientId,
  reason,
  atMs,
});

function learn(history: ClientHistory, records: readonly RoundRecord[], slotOf: (clientId: string) => number): void {
  const lessons = new RoundLessons(history, slotOf);
  for (const each of records) lessons.learn(each);
}

describe('a history that learns from round records', () => {
  const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
  const slotOf = (clientId: string) => ids.indexOf(clientId);

  it('equals one that was told what happened as it happened', () => {
    const live = new ClientHistory();
    live.roundBegan();
    for (const slot of [0, 1, 2, 3, 4]) live.selected(slot);
    live.failed(1);
    live.selected(5);
    live.reported(0, { ms: 2_000, numExamples: 5, metrics: { loss: 0.5 } });
    live.late(2, 9_000);
    live.notNeeded(9_000);
    const rebuilt = new ClientHistory();
    const rounds = [
      record({
        cohort: ['a', 'b', 'c', 'd', 'e', 'f'],
        contributions: [contribution('a', 3_000)],
        exclusions: [
          exclusion('b', 'left', 1_500),
          exclusion('c', 'straggler', 10_000),
          exclusion('d', 'notNeeded', 10_000),
          exclusion('e', 'evicted', 10_000),
        ],
      }),
    ];
    learn(rebuilt, rounds, slotOf);
    for (const slot of ids.keys()) expect(knownOf(rebuilt, slot)).toEqual(knownOf(live, slot));
    expect(rebuilt.reportingTimes.count).toBe(live.reportingTimes.count);
    // One of four reports after 2 s; of the others one never will, and two were waited for until 9 s.
    for (const { reportingTimes } of [live, rebuilt]) {
      expect(reportingTimes.shareBy(1_999)).toBe(0);
      expect(reportingTimes.shareBy(2_000)).toBeCloseTo(1 / 4, 12);
    }
    expect(rebuilt.roundsBegun).toBe(1);
  });

  it('paces by what the committed rounds of a run brought', () => {
    const history = new ClientHistory();
    const rounds = (run: string, phase: RoundRecord['phase'], loss: number) =>
      Array.from({ length: 20 }, () =>
        record({ run, phase, cohort: ['a'], contributions: [{ ...contribution('a', 2_000), metrics: { loss } }] }),
      );
    const fewer = [...rounds('1', 'committed', 4), ...rounds('1', 'abandoned', 0), ...rounds('1', 'committed', -3)];
    learn(history, fewer, slotOf);
    expect(history.pacer.steps).toBe(1);
    learn(history, [...fewer, ...rounds('2', 'committed', 1)], slotOf);
    expect(history.pacer.steps).toBe(0);
  });

  it.each(['heartbeatTimeout', 'left', 'reregistered', 'uploadsRefused', 'stale'] as const)(
    'counts %s as a failure',
    (reason) => {
      const history = new ClientHistory();
      learn(history, [record({ cohort: ['a'], exclusions: [exclusion('a', reason, 2_000)] })], slotOf);
      expect(history.failuresInRow(0)).toBe(1);
    },
  );

  it.each(['evicted', 'roundAbandoned', 'notNeeded'] as const)('does not blame a client for %s', (reason) => {
    const history = new ClientHistory();
    learn(history, [record({ cohort: ['a'], exclusions: [exclusion('a', reason, 2_000)] })], slotOf);
    expect(knownOf(history, 0)).toEqual({ ...nothing, lastRound: 1, timesSelected: 1, turns: 1 });
  });

  it('skips clients that are not registered any more', () => {
    const history = new ClientHistory();
    const rounds = [record({ cohort: ['gone'], contributions: [contribution('gone', 2_000)] })];
    learn(history, rounds, slotOf);
    expect(history.reportingTimes.shareBy(1_000)).toBe(1);
    expect(history.roundsBegun).toBe(1);
  });

  it('counts the time of a client that trains on from its beginning, and its turn once', () => {
    const history = new ClientHistory();
    const rounds = [
      record({ round: 1, trainingAtMs: 1_000, cohort: ['a', 'b'], contributions: [contribution('a', 2_000)] }),
      record({ round: 2, trainingAtMs: 3_000, cohort: ['b', 'a'], contributions: [contribution('b', 5_000)] }),
    ];
    learn(history, rounds, slotOf);
    expect(knownOf(history, 1)).toMatchObject({ timesSelected: 1, reportMs: 4_000 });
    expect(knownOf(history, 0)).toMatchObject({ timesSelected: 2, reportMs: 1_000 });
  });

  it.each([
    ['another run', { run: 's' }, {}],
    ['an abandoned attempt', {}, { phase: 'abandoned' as const }],
  ])('lets nobody train on into %s', (_, later, earlier) => {
    const history = new ClientHistory();
    const rounds = [
      record({ trainingAtMs: 1_000, cohort: ['a'], ...earlier }),
      record({ trainingAtMs: 3_000, cohort: ['a'], contributions: [contribution('a', 5_000)], ...later }),
    ];
    learn(history, rounds, slotOf);
    expect(knownOf(history, 0)).toMatchObject({ timesSelected: 2, reportMs: 2_000 });
  });

  it('reads the records of a real run', async () => {
    const test = await TestChorus.create({ plan: { rounds: 2, minClients: 3, trainingWindowMs: 10_000, quorum: 2 } });
    const [quick, slow, lost] = await test.joinMany(3);
    if (!quick || !slow || !lost) throw new Error('Three joined');
    await quick.contribute([1], 10);
    await test.advance(1_000, { alive: [quick, slow, lost] });
    await slow.contribute([2], 20);
    test.handle.leave(lost.clientId);
    await test.settle();
    const history = new ClientHistory();
    const clients = [quick, slow, lost].map(({ clientId }) => clientId);
    learn(history, test.handle.rounds().toReversed(), (clientId) => clients.indexOf(clientId));
    expect([0, 1].map((slot) => knownOf(history, slot))).toMatchObject([
      { numExamples: 10, reportMs: 0, failuresInRow: 0 },
      { numExamples: 20, reportMs: 1_000, failuresInRow: 0 },
    ]);
    expect(knownOf(history, 2)).toMatchObject({ timesSelected: 1, numExamples: Number.NaN, failuresInRow: 1 });
    expect(history.reportingTimes.shareBy(500)).toBeCloseTo(1 / 3, 12);
    await test.chorus.close();
  });
});
