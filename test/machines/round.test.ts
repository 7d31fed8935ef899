import { describe, expect, it } from 'vitest';
import { createActor, fromCallback, fromPromise } from 'xstate';
import { getShortestPaths } from 'xstate/graph';
import type { Metrics } from '../../src/domain/metrics.ts';
import type { Plan } from '../../src/domain/plan.ts';
import { readPlan } from '../../src/domain/read-plan.ts';
import { attemptMsMax, type Round, type RoundOutcome, type Tally } from '../../src/domain/round.ts';
import type { DeadlinePassed } from '../../src/machines/deadline.ts';
import { roundMachine } from '../../src/machines/round.machine.ts';
import type { RoundEvent } from '../../src/machines/round.setup.ts';
import { tallyOf as emptyTally } from '../actors/support/worlds.ts';

const planOf = (given: Partial<Plan> = {}): Plan => readPlan({ minClients: 2, participantsRatio: 1, ...given }).plan;
const tallyOf = (given: Partial<Tally> = {}): Tally => emptyTally({ atMs: 0, population: 2, ...given });

const quiet = roundMachine.provide({
  actors: {
    deadline: fromCallback<DeadlinePassed, { deadlineAtMs: number | null }>(() => undefined),
    aggregate: fromPromise<{ atMs: number; metrics: Metrics }, Round>(() => new Promise(() => undefined)),
    commit: fromPromise<{ modelVersion: number; metrics: Metrics }, Round>(() => new Promise(() => undefined)),
  },
  actions: { askSelector: () => undefined, dismissStragglers: () => undefined },
});

const input = { run: 'run', round: 1, attempt: 1, evaluates: null, plan: planOf(), tally: tallyOf(), resumed: null };

const inTraining = tallyOf({ selected: 2 });
const events: (RoundEvent | { type: string; output?: unknown; error?: unknown })[] = [
  { type: 'membership.changed', tally: tallyOf({ waiting: 2 }) },
  { type: 'membership.changed', tally: tallyOf({ population: 0 }) },
  { type: 'membership.changed', tally: tallyOf({ training: 1, done: 1, contributions: 1 }) },
  { type: 'selection.made', tally: inTraining, selected: 2 },
  { type: 'selection.made', tally: tallyOf({ waiting: 2 }), selected: 0 },
  { type: 'selection.failed', tally: tallyOf({ waiting: 2 }) },
  { type: 'update.accepted', tally: tallyOf({ done: 2, contributions: 2 }) },
  { type: 'deadline.passed', atMs: 1_000 },
  { type: 'round.abort', reason: 'stopped', detail: 'stopped' },
  { type: 'round.pause' },
  { type: 'xstate.done.actor.aggregate', output: { atMs: 2_000, metrics: { loss: 1 } } },
  { type: 'xstate.error.actor.aggregate', error: new Error('no sum') },
  { type: 'xstate.done.actor.commit', output: { modelVersion: 1, metrics: { loss: 1 } } },
  { type: 'xstate.error.actor.commit', error: new Error('disk full') },
];

const serialize = ({ value, context }: { value: unknown; context: Round }) =>
  JSON.stringify([value, context.tally, context.selectorAsked, context.outcome]);

describe('the round machine', () => {
  const paths = getShortestPaths(quiet, {
    input,
    events: events as never,
    serializeState: serialize as never,
    limit: 5_000,
  });

  it('reaches every one of its states', () => {
    const reached = new Set(paths.map(({ state }) => JSON.stringify(state.value)));
    for (const value of [
      { selecting: 'waiting' },
      { selecting: 'forming' },
      'training',
      'aggregating',
      'committing',
      'committed',
      'abandoned',
    ]) {
      expect([...reached]).toContain(JSON.stringify(value));
    }
  });

  it('keeps its invariants on the shortest path to every state', () => {
    for (const { state } of paths) {
      const { value, context } = state;
      const isFinal = value === 'committed' || value === 'abandoned';
      expect(context.outcome !== null).toBe(isFinal);
      if (value === 'aggregating' || value === 'committing' || value === 'committed') {
        expect(context.tally.contributions).toBeGreaterThanOrEqual(context.quorum);
      }
      if (!isFinal) expect(context.deadlineAtMs).toBeGreaterThan(0);
      if (value === 'committed')
        expect(context.outcome).toEqual({ kind: 'committed', modelVersion: 1, metrics: { loss: 1 } });
    }
  });

  it('ends within the bound that follows from its plan when nothing happens but time', () => {
    for (const { state } of paths.filter(({ state: { status } }) => status === 'active')) {
      const plan = planOf({ onQuorumMissed: 'extend', extensionsMax: 2 });
      const snapshot = { ...state, context: { ...state.context, plan } } as typeof state;
      const actor = createActor(quiet, { snapshot, input });
      actor.start();
      let waitedMs = 0;
      for (let step = 0; step < 10 && actor.getSnapshot().status === 'active'; step += 1) {
        const { deadlineAtMs } = actor.getSnapshot().context;
        waitedMs = Math.max(waitedMs, deadlineAtMs);
        actor.send({ type: 'deadline.passed', atMs: deadlineAtMs });
      }
      const outcome: RoundOutcome | undefined = actor.getSnapshot().output;
      expect(outcome?.kind).toBe('abandoned');
      expect(waitedMs).toBeLessThanOrEqual(1_000 + 2_000 + attemptMsMax(plan));
    }
  });
});

describe('the round machine at an evaluation', () => {
  const plan = planOf({ evaluateEvery: 1, onQuorumMissed: 'extend' });
  const evaluation = { ...input, plan, attempt: 2, evaluates: 7, tally: tallyOf({ waiting: 3, evaluatorsWaiting: 2 }) };
  const paths = getShortestPaths(quiet, {
    input: evaluation,
    events: events as never,
    serializeState: serialize as never,
    limit: 5_000,
  });

  it('ends with its metrics or without, and never makes a version', () => {
    const reached = new Set(paths.map(({ state }) => JSON.stringify(state.value)));
    expect([...reached].sort()).toEqual(
      [{ selecting: 'forming' }, 'training', 'aggregating', 'evaluated', 'abandoned']
        .map((value) => JSON.stringify(value))
        .sort(),
    );
    for (const { state } of paths) {
      const { value, context } = state;
      if (value === 'evaluated') {
        expect(context.outcome).toEqual({ kind: 'evaluated', modelVersion: 7, metrics: { loss: 1 } });
      }
      if (value === 'aggregating' || value === 'evaluated') {
        expect(context.tally.contributions).toBeGreaterThanOrEqual(context.quorum);
      }
      expect(context.extensions).toBe(0);
    }
  });

  it('is given up at once when nobody can evaluate', () => {
    const actor = createActor(quiet, { input: { ...evaluation, tally: tallyOf({ waiting: 3 }) } });
    actor.start();
    expect(actor.getSnapshot()).toMatchObject({
      value: 'abandoned',
      context: { outcome: { kind: 'abandoned', reason: 'tooFewClients' } },
    });
  });

  it('ends within its bound when nothing happens but time', () => {
    for (const { state } of paths.filter(({ state: { status } }) => status === 'active')) {
      const actor = createActor(quiet, { snapshot: state, input: evaluation });
      actor.start();
      let waitedMs = 0;
      for (let step = 0; step < 10 && actor.getSnapshot().status === 'active'; step += 1) {
        const { deadlineAtMs } = actor.getSnapshot().context;
        waitedMs = Math.max(waitedMs, deadlineAtMs);
        actor.send({ type: 'deadline.passed', atMs: deadlineAtMs });
      }
      expect(actor.getSnapshot().status).toBe('done');
      expect(waitedMs).toBeLessThanOrEqual(1_000 + attemptMsMax(plan, undefined, 'evaluation'));
    }
  });
});
