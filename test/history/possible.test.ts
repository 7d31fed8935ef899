import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fact } from '../../src/domain/facts.ts';
import { History } from '../../src/history/history.ts';
import { createMapStates } from '../../src/history/map-states.ts';
import { model, receipt, runStarted, training } from './support/facts.ts';

const clientId = fc.constantFrom('a', 'b', 'c');
const version = fc.integer({ min: 1, max: 3 });
const by = fc.constantFrom('server' as const, 'clients' as const);

const evaluating = { minClients: 3, quorum: 3, evaluateEvery: 1, evaluateBy: 'both', stopMetric: 'loss' } as const;

/** Where the facts begin: at nothing, or in a round. */
const beginning = fc.constantFrom<Fact[]>(
  [],
  [...training(['a', 'b', 'c'], 60_000, evaluating), { type: 'training.started', clientId: 'a' }],
);

/** Any kind of fact, whether it can have happened or not: about few clients and versions, so that many can. */
const anyFact: fc.Arbitrary<Fact> = fc.oneof(
  fc.record({ type: fc.constant('client.registered' as const), clientId }),
  fc.record({ type: fc.constant('client.returned' as const), clientId }),
  fc.record({
    type: fc.constant('client.lost' as const),
    clientId,
    reason: fc.constantFrom('left' as const, 'heartbeatTimeout' as const),
  }),
  fc.record({ type: fc.constantFrom('client.evicted' as const, 'client.readmitted' as const), clientId }),
  fc.constantFrom('none' as const, 'upload' as const).map((initialModel) => runStarted(initialModel, evaluating)),
  version.map((number): Fact => ({ type: 'model.installed', model: model(number) })),
  fc.record({
    type: fc.constant('round.opened' as const),
    round: version,
    attempt: version,
    base: fc.option(version),
    kind: fc.constantFrom('training' as const, 'evaluation' as const),
  }),
  fc.record({ type: fc.constant('clients.selected' as const), clientIds: fc.array(clientId, { maxLength: 3 }) }),
  fc.record({ type: fc.constant('training.started' as const), clientId }),
  clientId.map(
    (id): Fact => ({ type: 'update.accepted', receipt: receipt(id, 1), metrics: { loss: 1 }, staged: null }),
  ),
  clientId.map((id): Fact => ({ type: 'result.accepted', receipt: receipt(id, 1), metrics: { loss: 1 } })),
  clientId.map((id): Fact => ({ type: 'training.failed', clientId: id, code: 'NOT_FINITE' })),
  fc.record({ from: version, to: fc.integer({ min: 0, max: 3 }) }).map(
    ({ from, to }): Fact => ({
      type: 'quorum.lowered',
      decision: { from, to, atMs: 0, by: 'admin token', auditSeq: 1 },
    }),
  ),
  fc.constant<Fact>({ type: 'clients.dismissed', reason: 'straggler' }),
  version.map((number): Fact => ({ type: 'round.committed', model: model(number), record: null })),
  version.map((number): Fact => ({ type: 'round.evaluated', version: number, record: null })),
  fc.record({ type: fc.constant('model.judged' as const), version, metrics: fc.constant({ loss: 1 }) }),
  fc.record({ type: fc.constant('evaluation.missed' as const), version, by, reason: fc.constant('Nobody came') }),
  fc.constant<Fact>({ type: 'round.abandoned', reason: 'quorumMissed', detail: 'Too few' }),
);

describe('what a history can take', () => {
  it('is told before it is applied, of any fact after any others: what it cannot take changes nothing', () => {
    const [taken, refused] = [new Set<string>(), new Set<string>()];
    fc.assert(
      fc.property(beginning, fc.array(anyFact, { minLength: 20, maxLength: 60 }), (first, more) => {
        const history = new History(createMapStates());
        for (const [index, fact] of [...first, ...more].entries()) {
          const before = JSON.stringify(history.checkpoint());
          const problem = history.problemOf(fact);
          expect(JSON.stringify(history.checkpoint())).toBe(before);
          const apply = () => history.apply({ seq: index + 1, atMs: index, fact });
          (problem === null ? taken : refused).add(fact.type);
          if (problem === null) apply();
          else {
            expect(apply).toThrow(expect.objectContaining({ name: 'HistoryBroken', message: problem }));
            expect(JSON.stringify(history.checkpoint())).toBe(before);
          }
        }
      }),
      { numRuns: 300, seed: 11 },
    );
    expect([...refused].sort()).toEqual([
      'client.evicted',
      'client.lost',
      'client.readmitted',
      'clients.dismissed',
      'clients.selected',
      'evaluation.missed',
      'model.installed',
      'model.judged',
      'quorum.lowered',
      'result.accepted',
      'round.abandoned',
      'round.committed',
      'round.evaluated',
      'round.opened',
      'training.failed',
      'training.started',
      'update.accepted',
    ]);
    expect([...refused].filter((type) => !taken.has(type))).toEqual([]);
  });
});
