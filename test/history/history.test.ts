import { describe, expect, it } from 'vitest';
import type { Fact } from '../../src/domain/facts.ts';
import { History } from '../../src/history/history.ts';
import { createMapStates } from '../../src/history/map-states.ts';
import { factsOf, model, receipt, runStarted, training } from './support/facts.ts';

/** A history of these facts, a second apart. */
function historyOf(facts: readonly Fact[]) {
  const clients = createMapStates();
  const history = new History(clients);
  let seq = 0;
  const happen = (...more: readonly Fact[]) => {
    for (const fact of more) {
      seq += 1;
      history.apply({ seq, atMs: seq * 1_000, fact });
    }
  };
  happen(...facts);
  return { history, clients, happen };
}

describe('a history', () => {
  it('knows nothing before the first fact', () => {
    const { history, clients } = historyOf([]);
    expect(history).toMatchObject({ seq: 0, run: null, open: null, models: [], current: null, starts: 0 });
    expect(history.position.state).toBe('idle');
    expect(clients.population).toBe(0);
  });

  it('counts the starts of servers', () => {
    const started: Fact = { type: 'server.started', version: '1', durability: 'update' };
    expect(historyOf([started, started]).history.starts).toBe(2);
  });

  it('lets clients come and go', () => {
    const { clients, happen } = historyOf([
      { type: 'client.registered', clientId: 'a', name: 'Ada' },
      { type: 'client.registered', clientId: 'b' },
    ]);
    expect(clients.counts()).toMatchObject({ waiting: 2 });
    happen({ type: 'client.lost', clientId: 'a', reason: 'heartbeatTimeout' });
    happen({ type: 'client.lost', clientId: 'b', reason: 'left' });
    expect(clients.population).toBe(0);
    expect(clients.stateOf('a')).toBe('unknown');
  });

  it('has an attempt with its cohort, its contributions in their order, and the sum of their examples', () => {
    const { history, clients, happen } = historyOf(training(['a', 'b', 'c']));
    happen(...factsOf.update('b', 3, { at: 0, bytes: 10 }), ...factsOf.update('a', 2, { at: 10, bytes: 10 }));
    const { record, staged } = history.open ?? {};
    expect(record?.cohort).toEqual(['a', 'b', 'c']);
    expect(record?.contributions.map(({ clientId }) => clientId)).toEqual(['b', 'a']);
    expect(record?.numExamples).toBe(5);
    expect(staged).toEqual([
      { receipt: receipt('b', 3), staged: { at: 0, bytes: 10 }, staleness: 0 },
      { receipt: receipt('a', 2), staged: { at: 10, bytes: 10 }, staleness: 0 },
    ]);
    expect(clients.counts()).toMatchObject({ done: 2, selected: 1 });
  });

  it('has nothing staged as soon as one update is in memory only', () => {
    const { history, happen } = historyOf(training(['a', 'b']));
    happen(...factsOf.update('a', 1, { at: 0, bytes: 10 }));
    expect(history.open?.staged).toHaveLength(1);
    happen(...factsOf.update('b', 1, null));
    expect(history.open?.staged).toBeNull();
  });

  it.each([
    [{ type: 'client.lost', clientId: 'a', reason: 'left' }, 'left', 'unknown'],
    [{ type: 'client.lost', clientId: 'a', reason: 'heartbeatTimeout' }, 'heartbeatTimeout', 'unknown'],
    [{ type: 'client.returned', clientId: 'a' }, 'reregistered', 'ignored'],
    [{ type: 'client.evicted', clientId: 'a' }, 'evicted', 'ignored'],
    [{ type: 'training.failed', clientId: 'a', code: 'NOT_FINITE' }, 'uploadsRefused', 'ignored'],
    [{ type: 'clients.dismissed', reason: 'straggler' }, 'straggler', 'ignored'],
    [{ type: 'clients.dismissed', reason: 'notNeeded' }, 'notNeeded', 'ignored'],
    [{ type: 'round.abandoned', reason: 'quorumMissed', detail: 'Too few' }, 'roundAbandoned', 'waiting'],
  ] as [Fact, string, string][])('says why a client in training did not contribute: %j', (fact, reason, state) => {
    const { history, clients, happen } = historyOf(training(['a']));
    happen({ type: 'training.started', clientId: 'a' }, fact);
    const record = history.open?.record ?? history.rounds.at(-1);
    expect(record?.exclusions).toMatchObject([{ clientId: 'a', reason }]);
    expect(record?.exclusions[0]?.code).toBe(fact.type === 'training.failed' ? 'NOT_FINITE' : undefined);
    expect(clients.stateOf('a')).toBe(state);
  });

  it('still counts the contribution of one that is gone, and forgets the client when the round ends', () => {
    const { history, clients, happen } = historyOf(training(['a']));
    happen(...factsOf.update('a', 1, null), { type: 'client.lost', clientId: 'a', reason: 'left' });
    expect(clients.counts()).toMatchObject({ doneAndInactive: 1 });
    expect(clients.population).toBe(0);
    expect(history.open?.record.exclusions).toEqual([]);
    happen({ type: 'round.committed', model: model(1), record: null });
    expect(clients.stateOf('a')).toBe('unknown');
    expect(history.rounds.at(-1)?.contributions).toHaveLength(1);
  });

  it('goes on to the next round with a commit: model, record and run at once', () => {
    const { history, clients, happen } = historyOf(training(['a']));
    happen(...factsOf.update('a', 4, null), { type: 'round.committed', model: model(1), record: null });
    expect(history.open).toBeNull();
    expect(history.current).toMatchObject(model(1));
    expect(history.run).toMatchObject({ round: 2, attempt: 1, roundsCommitted: 1 });
    expect(history.rounds).toMatchObject([{ round: 1, phase: 'committed', modelVersion: 1, metrics: { loss: 1 } }]);
    expect(history.position.state).toBe('opening');
    expect(clients.counts()).toMatchObject({ waiting: 1, done: 0 });
  });

  it('goes on to the next attempt when one was abandoned, and counts it as a failure when it was one', () => {
    const { history, happen } = historyOf(training(['a']));
    happen({ type: 'round.abandoned', reason: 'quorumMissed', detail: 'Too few' });
    expect(history.run).toMatchObject({ round: 1, attempt: 2, failures: 1, reason: 'Too few' });
    expect(history.rounds).toMatchObject([{ phase: 'abandoned', reason: 'quorumMissed: Too few' }]);
    happen(...factsOf.opened(1, 2, null), { type: 'round.abandoned', reason: 'restarted', detail: 'The end' });
    expect(history.run).toMatchObject({ attempt: 3, failures: 1 });
    expect(history.current).toBeNull();
  });

  it('begins another run from nothing, from an upload or from the latest model', () => {
    const { history, happen } = historyOf([runStarted(), { type: 'model.installed', model: model(1) }]);
    expect(history.current).toMatchObject(model(1));
    happen(runStarted('none'));
    expect(history.current).toBeNull();
    expect(history.position.state).toBe('opening');
    happen(runStarted('upload'));
    expect(history.position.state).toBe('awaitingModel');
    happen(runStarted('latest'));
    expect(history.current).toMatchObject(model(1));
  });

  it('takes a whole record with a commit of which nothing was told before', () => {
    const { history: other, happen: elsewhere } = historyOf(training(['a']));
    elsewhere(...factsOf.update('a', 2, null));
    const record = other.open?.record ?? null;
    const { history } = historyOf([
      { type: 'server.started', version: '1', durability: 'round' },
      { type: 'client.registered', clientId: 'a' },
      runStarted(),
      { type: 'round.committed', model: model(1), record },
    ]);
    expect(history.rounds).toMatchObject([{ contributions: [{ clientId: 'a', numExamples: 2 }], modelVersion: 1 }]);
  });

  it('does not give the attempt that a crash cut short to the next, when nothing of it was written', () => {
    const started: Fact = { type: 'server.started', version: '1', durability: 'round' };
    const { history } = historyOf([started, runStarted(), started]);
    expect(history.run).toMatchObject({ round: 1, attempt: 2 });
  });

  it.each([
    ['a round opens twice', [...training(['a']), ...factsOf.opened(1, 2, null)], /opens while another is open/],
    ['a round opens without a run', factsOf.opened(1, 1, null), /no run/],
    ['a model version is left out', [{ type: 'model.installed', model: model(2) }], /version 2 follows version 0/],
    [
      'a model version comes twice',
      [...twice({ type: 'model.installed', model: model(1) })],
      /version 1 follows version 1/,
    ],
    ['a stranger starts training', [{ type: 'training.started', clientId: 'x' }], /x is unknown: startTraining/],
    ['one that has not started has an update', [...training(['a']), factsOf.update('a', 1, null)[1]], /a is selected/],
    [
      'an update is accepted twice',
      [...training(['a']), ...factsOf.update('a', 1, null), factsOf.update('a', 1, null)[1]],
      /a is done/,
    ],
    [
      'one is selected twice',
      [...training(['a']), { type: 'clients.selected', clientIds: ['a'] }],
      /a is selected: select/,
    ],
    ['a stranger is lost', [{ type: 'client.lost', clientId: 'x', reason: 'left' }], /x is unknown: leave/],
    [
      'a round commits that was not open',
      [runStarted(), { type: 'round.committed', model: model(1), record: null }],
      /none was open/,
    ],
    [
      'who reported late is dismissed from no round',
      [{ type: 'clients.dismissed', reason: 'straggler' }],
      /No round is open/,
    ],
  ] as [string, Fact[], RegExp][])('is broken when %s', (_, facts, why) => {
    const last = facts.at(-1) as Fact;
    const { happen } = historyOf(facts.slice(0, -1));
    expect(() => happen(last)).toThrow(
      expect.objectContaining({ name: 'HistoryBroken', message: expect.stringMatching(why) }),
    );
  });
});

function twice<T>(item: T): T[] {
  return [item, item];
}
