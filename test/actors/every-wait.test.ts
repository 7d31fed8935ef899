import { beforeAll, describe, expect, it } from 'vitest';
import { type AnyStateMachine, type AnyStateNode, initialTransition, type SnapshotFrom, transition } from 'xstate';
import { phaseOf } from '../../src/actors/machine-state.ts';
import { type ClientState, clientStates } from '../../src/domain/client.ts';
import { explainAggregator } from '../../src/domain/explain-aggregator.ts';
import { explainClient } from '../../src/domain/explain-client.ts';
import type { Plan } from '../../src/domain/plan.ts';
import { readPlan } from '../../src/domain/read-plan.ts';
import { clockTime } from '../../src/domain/words.ts';
import { aggregatorMachine, lossesMax } from '../../src/machines/aggregator.machine.ts';
import { clientMachine } from '../../src/machines/client.machine.ts';
import { coordinatorMachine } from '../../src/machines/coordinator.machine.ts';
import { roundMachine } from '../../src/machines/round.machine.ts';
import { afterDeadline, everyWorld, nowMs, type World, whyItWaits } from './support/worlds.ts';

const planOf = (given: Partial<Plan>): Plan =>
  readPlan({ rounds: 1, minClients: 3, quorum: 2, attemptsMax: 2, ...given }).plan;

const plans: readonly [string, Plan][] = [
  ['plain', planOf({ cohortSize: 4, initialModel: 'upload', onQuorumMissed: 'extend', extensionsMax: 1 })],
  ['buffered', planOf({ mode: 'buffered', cohortSize: 2, quorum: 1 })],
  ['evaluated', planOf({ rounds: 2, evaluateEvery: 1, evaluateBy: 'both' })],
];

const worlds = new Map<Plan, World[]>();

beforeAll(() => {
  for (const [, plan] of plans) worlds.set(plan, everyWorld(plan));
});

/** Leaves that are not left as soon as they are entered, as the machine defines them. */
function waitingStates(machine: AnyStateMachine): string[] {
  const leaves = (node: AnyStateNode): AnyStateNode[] =>
    node.type === 'atomic' ? [node] : Object.values(node.states).flatMap((child) => leaves(child as AnyStateNode));
  const leavesAtOnce = (node: AnyStateNode) => node.always?.some(({ guard }) => !guard) ?? false;
  return leaves(machine.root as AnyStateNode)
    .filter((node) => !leavesAtOnce(node))
    .map(({ path }) => path.join('.'))
    .sort();
}

const pathOf = (value: unknown): string =>
  typeof value === 'string'
    ? value
    : Object.entries(value as Record<string, unknown>)
        .map(([state, inner]) => `${state}.${pathOf(inner)}`)
        .join('');

const isOver = ({ coordinator }: World) => coordinator.status === 'done';

/** What is missing in each state, in the words of its sentence. */
const missing: Readonly<Record<string, RegExp>> = {
  idle: /No run was started/,
  awaitingModel: /waits for its initial model, PUT /,
  'running.opening': /The aggregator is being readied for (the evaluation of )?round \d/,
  'running.gathering': /: \d of \d clients registered; .* when \d more clients? have come/,
  'running.judging': /The server evaluates model version \d/,
  paused: /The run is paused: .+ until somebody resumes/,
  finished: /The run is finished: .+ until somebody starts another/,
  stopped: /The run was stopped: .+ until somebody starts another/,
  'selecting.waiting': /has \d of \d clients; waiting for \d more clients? to register/,
  'selecting.forming': /the selector is choosing \d of them/,
  training:
    /has \d of \d (update|result)s? \(quorum \d\); (waiting for c0.* \(\d (training|evaluating), \d not started\)|everyone selected is settled; waiting for \d clients? to replace)/,
  aggregating: /is summing \d (contribution|result)s?;/,
  committing: /is storing the new model;/,
};

/** What a sentence says of the time after the deadline, and where the machines must stand then. */
const promises: readonly [RegExp, (after: World, before: World) => boolean][] = [
  [/^it closes with the (updates|results) it has$/, (after) => phaseOf(after) === 'aggregating'],
  [
    /^its deadline is extended by [\d.]+ s$/,
    (after, before) => after.round?.context.extensions === (before.round?.context.extensions ?? 0) + 1,
  ],
  [/^it goes on with the clients that are there$/, (after) => pathOf(after.round?.value) === 'selecting.forming'],
  [
    /^it gives up, and opens again once enough clients are registered$/,
    (after, before) =>
      ['gathering', 'opening'].includes(phaseOf(after)) &&
      after.coordinator.context.run?.round === before.coordinator.context.run?.round,
  ],
  [/ the run pauses$/, (after) => phaseOf(after) === 'paused'],
  [
    / tried again$/,
    (after, before) =>
      phaseOf(after) === 'opening' && after.coordinator.context.run?.round === before.coordinator.context.run?.round,
  ],
  [/ the run goes on$/, (after) => phaseOf(after) === 'opening' && !after.coordinator.context.run?.evaluation],
  [/ the run is finished$/, (after) => phaseOf(after) === 'finished'],
  [
    / clients evaluate the model$/,
    (after) => phaseOf(after) === 'opening' && !!after.coordinator.context.run?.evaluation,
  ],
  [/^the run is stopped$/, (after) => phaseOf(after) === 'stopped'],
];

describe('a walk through the coordinator and its rounds', () => {
  it('comes to every state in which they wait', () => {
    const all = [...worlds.values()].flat();
    const reached = (values: unknown[]) => [...new Set(values.map(pathOf))].sort();
    const coordinators = reached(all.filter((world) => !isOver(world)).map(({ coordinator }) => coordinator.value));
    expect(coordinators).toEqual(waitingStates(coordinatorMachine));
    const rounds = reached(all.flatMap(({ round }) => (round ? [round.value] : [])));
    expect(rounds).toEqual(waitingStates(roundMachine));
  });

  describe.each(plans)('of a run that is %s', (_, plan) => {
    let waits: World[];

    beforeAll(() => {
      waits = (worlds.get(plan) ?? []).filter((world) => !isOver(world));
    });

    it('finds a whole sentence everywhere, without gaps and without waiting for nothing', () => {
      for (const world of waits) {
        const { summary, next } = whyItWaits(world);
        expect([summary, world.way]).toEqual([expect.stringMatching(/^[A-Z][^?]* .*\.$/), world.way]);
        expect(summary).not.toMatch(/undefined|NaN|null|waiting for 0|waiting for -|waiting for {2}|waiting for \(/);
        expect(summary).toContain(next);
      }
    });

    it('finds what is missing', () => {
      for (const world of waits) {
        const state = pathOf((world.round ?? world.coordinator).value);
        expect([whyItWaits(world).summary, state, world.way]).toEqual([
          expect.stringMatching(missing[state] ?? /^a sentence for every state$/),
          state,
          world.way,
        ]);
      }
    });

    it('finds a guard that still fails wherever it is counted', () => {
      for (const world of waits) {
        const { guard } = whyItWaits(world);
        if (guard === null) continue;
        expect([guard.have < guard.need, guard, world.way]).toEqual([true, guard, world.way]);
      }
    });

    it('finds when each wait ends, or that it lasts until somebody comes', () => {
      for (const world of waits) {
        const { summary, deadlineAtMs } = whyItWaits(world);
        const rests = world.coordinator.hasTag('resting');
        expect([deadlineAtMs === null, world.way]).toEqual([rests, world.way]);
        const ends =
          deadlineAtMs === null ? /until somebody|however long that takes/ : `at ${clockTime(deadlineAtMs)} `;
        expect(summary).toMatch(ends);
      }
    });

    it('finds that what is foretold of the deadline comes true', () => {
      for (const world of waits) {
        const { next, deadlineAtMs } = whyItWaits(world);
        if (deadlineAtMs === null) continue;
        const kept = promises
          .filter(([words]) => words.test(next))
          .map(([, isKept]) => isKept(afterDeadline(world), world));
        expect([next, world.way, kept]).toEqual([next, world.way, [true]]);
      }
    });
  });

  it('hears every promise at least once', () => {
    const heard = [...worlds.values()].flat().map((world) => whyItWaits(world).next);
    expect(promises.map(([words]) => words).filter((words) => !heard.some((next) => words.test(next)))).toEqual([]);
  });

  it('finds that a run that is to pause says so, whatever it waits for', () => {
    for (const world of [...worlds.values()].flat()) {
      const { run } = world.coordinator.context;
      if (!run?.pauseRequested || !world.coordinator.matches('running')) continue;
      expect([whyItWaits(world).summary, world.way]).toEqual([expect.stringContaining('the run pauses'), world.way]);
    }
  });
});

describe('a walk through the life of the aggregator', () => {
  const events = [
    { type: 'round.opened' },
    { type: 'round.closing' },
    { type: 'service.lost', reason: 'exit code 1', atMs: nowMs },
    { type: 'deadline.passed', atMs: nowMs },
    { type: 'xstate.done.actor.start', output: { atMs: nowMs, bytesToRead: 0 } },
    { type: 'xstate.done.actor.resume', output: { atMs: nowMs } },
  ] as const;
  type Snapshot = SnapshotFrom<typeof aggregatorMachine>;
  let snapshots: Snapshot[];

  /** Each state once for each number of losses. */
  beforeAll(() => {
    const found = new Map<string, Snapshot>();
    const open = [initialTransition(aggregatorMachine, { atMs: nowMs })[0]];
    for (let at = open.shift(); at; at = open.shift()) {
      const { value, context } = at;
      // A loss may be heard of after it was given up, without end.
      const key = `${value} ${Math.min(context.losses, lossesMax)}`;
      if (found.has(key)) continue;
      found.set(key, at);
      const copy = aggregatorMachine.resolveState({ value, context });
      open.push(...events.map((event) => transition(aggregatorMachine, copy, event as never)[0]));
    }
    snapshots = [...found.values()];
  });

  it('comes to every state in which it waits', () => {
    expect([...new Set(snapshots.map(({ value }) => value))].sort()).toEqual(waitingStates(aggregatorMachine));
  });

  it('finds what each waits for and until when', () => {
    for (const { value, context } of snapshots) {
      const clause = explainAggregator({ state: value, ...context });
      const { deadlineAtMs, losses } = context;
      expect(clause).toMatch(deadlineAtMs === null ? / until / : `at ${clockTime(deadlineAtMs)}`);
      if (value === 'restarting' || value === 'failed') expect(clause).toContain('(exit code 1)');
      if (value === 'failed') expect(clause).toMatch(new RegExp(`lost ${losses} times .* until somebody`));
    }
  });
});

describe('every state of a client', () => {
  const present = clientStates.filter((state): state is Exclude<ClientState, 'unknown'> => state !== 'unknown');
  const [phaseEndsAtMs, silentUntilMs] = [nowMs + 60_000, nowMs + 5_000];

  it('is one of those that are told of here', () => {
    expect(waitingStates(clientMachine)).toEqual([...present, 'unknown'].sort());
  });

  it.each(present)('tells what it waits for and until when: %s', (state) => {
    const sentence = explainClient({ state, phaseEndsAtMs, silentUntilMs });
    const takes = (type: string) =>
      clientMachine.getTransitionData(clientMachine.resolveState({ value: state, context: {} }), { type } as never)
        .length > 0;
    expect(sentence).toMatch(/^[A-Z].*\.$/);
    if (takes('roundEnded')) expect(sentence).toContain(clockTime(phaseEndsAtMs));
    const [forgotten] = transition(clientMachine, clientMachine.resolveState({ value: state, context: {} }), {
      type: 'heartbeatTimedOut',
    });
    if (forgotten.value === 'unknown') expect(sentence).toContain(`forgotten at ${clockTime(silentUntilMs)}`);
    else expect(sentence).not.toContain('forgotten at');
  });
});
