import { createActor, type EventObject, fromCallback, initialTransition, transition } from 'xstate';
import { type Machines, phaseOf, phaseSinceOf } from '../../../src/actors/machine-state.ts';
import { explain } from '../../../src/domain/explain.ts';
import type { WaitingFor } from '../../../src/domain/handle.ts';
import type { Plan } from '../../../src/domain/plan.ts';
import { hasQuorum, mayExtend, openClients, quorumIsThere, type Tally } from '../../../src/domain/round.ts';
import { attemptOf, attemptsExhausted } from '../../../src/domain/run.ts';
import { coordinatorMachine } from '../../../src/machines/coordinator.machine.ts';
import { roundMachine } from '../../../src/machines/round.machine.ts';

/** The two machines at one moment, and the way there. */
export interface World extends Machines {
  way: readonly string[];
}

/** More than any plan of the tests leads to; a walk that comes so far has lost its bounds. */
const worldsMax = 400;

const deaf = createActor(fromCallback(() => undefined));

/** When everything happens, Unix ms: no time passes on a walk. */
export const nowMs = Date.UTC(2030, 0, 2, 3, 4, 5);

export const tallyOf = (given: Partial<Tally> = {}): Tally => ({
  atMs: nowMs,
  waiting: 0,
  selected: 0,
  training: 0,
  done: 0,
  doneAndInactive: 0,
  ignored: 0,
  population: 0,
  evaluatorsWaiting: 0,
  contributions: 0,
  ...given,
});

/** One tally for each answer of the guards: nobody there, enough to begin, at work, with a quorum in, and all gone. */
const tallies: readonly Tally[] = [
  tallyOf(),
  tallyOf({ population: 3, waiting: 3, evaluatorsWaiting: 3 }),
  tallyOf({ population: 3, selected: 2, training: 1 }),
  tallyOf({ population: 3, training: 1, done: 2, contributions: 2 }),
  tallyOf({ population: 3, done: 3, contributions: 3 }),
];

const coordinatorEvents: readonly EventObject[] = [
  { type: 'run.pause' },
  { type: 'run.resume' },
  { type: 'run.stop' },
  { type: 'model.installed' },
  { type: 'server.drain' },
  { type: 'deadline.passed', atMs: nowMs } as EventObject,
  { type: 'xstate.done.actor.judge', output: { kind: 'judged', metrics: { accuracy: 0.5 } } } as EventObject,
  { type: 'xstate.error.actor.openRound', error: new Error('no aggregator') } as EventObject,
];

const roundEvents: readonly EventObject[] = [
  { type: 'selection.failed', tally: tallyOf({ population: 3, waiting: 3 }) } as EventObject,
  { type: 'deadline.passed', atMs: nowMs } as EventObject,
  { type: 'xstate.done.actor.aggregate', output: { atMs: nowMs, metrics: {} } } as EventObject,
  { type: 'xstate.error.actor.aggregate', error: new Error('no sum') } as EventObject,
  { type: 'xstate.done.actor.commit', output: { modelVersion: 1, metrics: {} } } as EventObject,
];

/** Every moment that a run under this plan can come to, as the machines themselves tell; each once. */
export function everyWorld(plan: Plan): World[] {
  const found = new Map<string, World>();
  const open = [beginning()];
  for (let world = open.shift(); world; world = open.shift()) {
    const key = keyOf(world);
    if (found.has(key)) continue;
    if (found.size >= worldsMax) throw new Error(`The walk does not end: ${world.way.join(' → ')}`);
    found.set(key, world);
    open.push(...successors(world, plan));
  }
  return [...found.values()];
}

function beginning(): World {
  const input = { tally: tallyOf(), beginsIn: 'idle', run: null, resumed: null, readBackMsMax: 0 } as const;
  const [coordinator] = initialTransition(coordinatorMachine, input);
  return { coordinator, round: null, way: [] };
}

/** What tells moments apart: where the machines stand, and what they would decide from there; not how they came. */
function keyOf({ coordinator, round }: World): string {
  const { run, tally } = coordinator.context;
  const inRun = run && [attemptsExhausted(run), run.failures > 0, run.pauseRequested, run.evaluation?.by, run.round];
  const counted = round?.context;
  const inRound = counted && [hasQuorum(counted), mayExtend(counted), quorumIsThere(counted), openClients(counted) > 0];
  return JSON.stringify([coordinator.value, round?.value, tally.population > 0, inRun, inRound]);
}

function successors(world: World, plan: Plan): World[] {
  const { coordinator } = world;
  if (coordinator.status === 'done') return [];
  const starts = { type: 'run.start', run: 'run', plan, atMs: nowMs };
  const opened = tallies.map((tally) => ({ type: 'xstate.done.actor.openRound', output: { tally } }));
  const told = [...coordinatorEvents, ...(coordinator.context.run ? [] : [starts]), ...opened];
  const next = told.map((event) => inCoordinator(world, event));
  for (const tally of tallies) next.push(inBoth(world, { type: 'membership.changed', tally } as EventObject));
  if (world.round) {
    for (const event of roundEvents) next.push(inRound(world, event));
    for (const tally of tallies) {
      const selected = tally.selected + tally.training;
      next.push(inRound(world, { type: 'selection.made', tally, selected } as EventObject));
    }
  }
  return next.filter((each) => each !== world);
}

/** Time passes until the deadline of what is open. */
export const afterDeadline = (world: World): World => {
  const passed = { type: 'deadline.passed', atMs: nowMs };
  return world.round ? inRound(world, passed) : inCoordinator(world, passed);
};

function inBoth(world: World, event: EventObject): World {
  const next = inCoordinator(world, event);
  return next.round ? inRound(next, event) : next;
}

function inCoordinator(world: World, event: EventObject): World {
  const { value, context } = world.coordinator;
  // A copy without the children that pile up on a long walk, but with one to which a pause can be sent on.
  const copy = coordinatorMachine.resolveState({ value, context } as never);
  if (world.round) Object.assign(copy.children, { round: deaf });
  if (!copy.can(event as never)) return world;
  const [coordinator] = transition(coordinatorMachine, copy, event as never);
  const way = [...world.way, event.type];
  if (!coordinator.matches({ running: 'round' })) return { coordinator, round: null, way };
  if (!world.round) return withRound({ coordinator, round: null, way }, openedIn(coordinator));
  return event.type === 'run.pause'
    ? inRound({ coordinator, round: world.round, way }, { type: 'round.pause' })
    : { coordinator, round: world.round, way };
}

function openedIn({ context: { run, tally, resumed } }: Machines['coordinator']): NonNullable<Machines['round']> {
  if (!run) throw new Error('A round without a run');
  const [round] = initialTransition(roundMachine, {
    ...{ run: run.run, plan: run.plan, ...attemptOf(run), tally, resumed },
  });
  return round;
}

function inRound(world: World, event: EventObject): World {
  if (!world.round) return world;
  const { value, context } = world.round;
  const copy = roundMachine.resolveState({ value, context } as never);
  if (!copy.can(event as never)) return world;
  const [round] = transition(roundMachine, copy, event as never);
  const way = [...world.way, event.type];
  return withRound({ ...world, way }, round);
}

/** A round may be over as soon as it is opened. */
function withRound(world: World, round: NonNullable<Machines['round']>): World {
  if (round.status !== 'done') return { ...world, round };
  const over = { type: 'xstate.done.actor.round', actorId: 'round', output: round.output };
  return inCoordinator({ ...world, round: null }, over as EventObject);
}

/** What the server would answer at that moment. */
export function whyItWaits(world: World): WaitingFor {
  const { run, tally: known } = world.coordinator.context;
  const round = world.round?.context ?? null;
  const phase = phaseOf(world);
  const tally = round?.tally ?? known;
  const openClientIds =
    phase === 'training' ? Array.from({ length: tally.selected + tally.training }, (_, client) => `c${client}`) : [];
  return explain({ phase, ...phaseSinceOf(world), tally, run, round, openClientIds, aggregator: null });
}
