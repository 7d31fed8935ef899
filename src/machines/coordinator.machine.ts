import { assign, fromCallback, fromPromise, sendTo, setup } from 'xstate';
import type { Plan } from '../domain/plan.ts';
import type { Round, RoundInput, RoundOutcome, Tally } from '../domain/round.ts';
import { afterRound, attemptsExhausted, clientsSuffice, isFinished, type Run, startRun } from '../domain/run.ts';
import { type DeadlineInput, type DeadlinePassed, toBeProvided } from './deadline.ts';
import { roundMachine } from './round.machine.ts';

export interface CoordinatorContext {
  /** null before the first run. */
  run: Run | null;
  tally: Tally;
  sinceMs: number;
  deadlineAtMs: number | null;
  /** Where this process begins: where the one before it ended. */
  beginsIn: Beginning;
  /** The open round of the process before this one, until it is gone on with. */
  resumed: Round | null;
  /** What reading back its updates may take, ms. */
  readBackMsMax: number;
}

type Beginning = 'idle' | 'awaitingModel' | 'opening' | 'round' | 'gathering' | 'paused' | 'finished' | 'stopped';

export interface CoordinatorInput {
  /** Its time is that from which the first state lasts: the process before this one may have entered it. */
  tally: Tally;
  beginsIn: Beginning;
  run: Run | null;
  resumed: Round | null;
  readBackMsMax: number;
}

export type CoordinatorEvent =
  | { type: 'run.start'; run: string; plan: Plan; atMs: number }
  | { type: 'run.pause' }
  | { type: 'run.resume' }
  | { type: 'run.stop' }
  | { type: 'model.installed' }
  | { type: 'server.drain' }
  | { type: 'membership.changed'; tally: Tally }
  | DeadlinePassed;

/** How long a run with `initialModel: upload` waits for its model, ms. */
export const modelWindowMs = 600_000;
/** How long the aggregator may take to open a round, its own restart included, ms. */
export const openingWindowMs = 30_000;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const runOf = ({ run }: CoordinatorContext): Run => {
  if (!run) throw new Error('The coordinator is in a run without a run');
  return run;
};

const crashed = (error: unknown): RoundOutcome => ({
  kind: 'abandoned',
  reason: 'crashed',
  detail: messageOf(error),
});
const wasStopped: RoundOutcome = { kind: 'abandoned', reason: 'stopped', detail: 'The run was stopped' };

/**
 * How the round ended, read off the event that ended it; an operator's stop comes without an outcome. null: the process
 * ends, and the next one goes on with the round.
 */
function outcomeOf(event: { type: string; output?: unknown; error?: unknown }): RoundOutcome | null {
  if (event.type === 'xstate.done.actor.round') return event.output as RoundOutcome;
  if (event.type === 'xstate.error.actor.round') {
    return crashed(event.error);
  }
  if (event.type === 'server.drain') return null;
  return wasStopped;
}

/** The aggregator could not be readied; if a round was to be gone on with, that is over. */
const notOpened = (detail: string): RoundOutcome => ({ kind: 'abandoned', reason: 'aggregatorLost', detail });

/**
 * The life of the coordinator: runs, and in a run one round after another. States tagged `resting` wait for an operator
 * or for clients to come, for as long as it takes; every other state ends by itself.
 */
export const coordinatorMachine = setup({
  types: {} as {
    context: CoordinatorContext;
    input: CoordinatorInput;
    events: CoordinatorEvent;
    tags: 'resting' | 'over';
    children: { round: 'round'; openRound: 'openRound'; modelDeadline: 'deadline'; openingDeadline: 'deadline' };
  },
  actors: {
    deadline: fromCallback<DeadlinePassed, DeadlineInput>(toBeProvided('deadline')),
    /** Readies the aggregator for the round. Settles within `openingWindowMs`. */
    openRound: fromPromise<{ tally: Tally }, { run: Run; resumed: Round | null }>(toBeProvided('openRound')),
    round: roundMachine,
  },
  guards: {
    /** Whether the process before this one ended in that state. */
    endedIn: ({ context }, { state }: { state: Beginning }) => context.beginsIn === state,
    roundIsResumed: ({ context }) => context.resumed !== null,
    modelIsAwaited: ({ context }) => runOf(context).plan.initialModel === 'upload',
    clientsSuffice: ({ context }) => clientsSuffice(runOf(context), context.tally),
    isFinished: ({ context }) => isFinished(runOf(context)),
    pauseRequested: ({ context }) => runOf(context).pauseRequested,
    /** A round that is gone on with ends first. */
    mustPauseNow: ({ context }) => runOf(context).pauseRequested && context.resumed === null,
    attemptsExhausted: ({ context }) => attemptsExhausted(runOf(context)),
    failedForWantOfClients: (_, outcome: RoundOutcome) =>
      outcome.kind === 'abandoned' && outcome.reason === 'tooFewClients',
  },
  actions: {
    startRun: assign((_, { run, plan, atMs }: { run: string; plan: Plan; atMs: number }) => ({
      run: startRun(run, plan, atMs),
    })),
    noteTally: assign((_, { tally }: { tally: Tally }) => ({ tally })),
    noteTime: assign(({ context }, { atMs }: { atMs: number }) => ({ tally: { ...context.tally, atMs } })),
    noteOutcome: assign(({ context }, outcome: RoundOutcome) => ({ run: afterRound(runOf(context), outcome) })),
    noteReason: assign(({ context }, { reason }: { reason: string | null }) => ({
      run: { ...runOf(context), reason },
    })),
    requestPause: assign(({ context }) => ({
      run: { ...runOf(context), pauseRequested: true, reason: 'paused by an operator' },
    })),
    clearPause: assign(({ context }) => ({
      run: { ...runOf(context), pauseRequested: false, failures: 0, reason: null },
    })),
    startModelWindow: assign(({ context }) => ({ deadlineAtMs: context.tally.atMs + modelWindowMs })),
    startOpeningWindow: assign(({ context }) => ({
      deadlineAtMs: context.tally.atMs + openingWindowMs + (context.resumed ? context.readBackMsMax : 0),
    })),
    forgetResumed: assign({ resumed: null }),
    noDeadline: assign({ deadlineAtMs: null }),
    markSince: assign(({ context }) => ({ sinceMs: context.tally.atMs })),
    /** Gives every client of the round back to the population. Runs whenever a round is left, whichever way. */
    settleRound: toBeProvided('settleRound') as (_: unknown, outcome: RoundOutcome | null) => void,
    /** The plan of a new run applies from now on. */
    applyPlan: toBeProvided('applyPlan') as (_: unknown, params: { plan: Plan }) => void,
  },
}).createMachine({
  id: 'coordinator',
  context: ({ input }) => ({ ...input, sinceMs: input.tally.atMs, deadlineAtMs: null }),
  initial: 'beginning',
  on: {
    'membership.changed': { actions: { type: 'noteTally', params: ({ event }) => event } },
    'server.drain': '.draining',
  },
  states: {
    beginning: {
      description: 'Begins, or goes on where the process before this one ended.',
      always: [
        { guard: { type: 'endedIn', params: { state: 'awaitingModel' } }, target: 'awaitingModel' },
        { guard: 'roundIsResumed', target: 'running.opening' },
        { guard: { type: 'endedIn', params: { state: 'opening' } }, target: 'running.settled' },
        { guard: { type: 'endedIn', params: { state: 'gathering' } }, target: 'running.gathering' },
        { guard: { type: 'endedIn', params: { state: 'paused' } }, target: 'paused' },
        { guard: { type: 'endedIn', params: { state: 'finished' } }, target: 'finished' },
        { guard: { type: 'endedIn', params: { state: 'stopped' } }, target: 'stopped' },
        { target: 'idle' },
      ],
    },
    idle: {
      description: 'No run yet.',
      tags: ['resting'],
      on: { 'run.start': 'starting' },
    },
    starting: {
      description: 'A run was asked for.',
      entry: [
        {
          type: 'startRun',
          params: ({ event }) => {
            if (event.type !== 'run.start') throw new Error('A run starts by run.start only');
            return event;
          },
        },
        { type: 'applyPlan', params: ({ context }) => ({ plan: runOf(context).plan }) },
        'markSince',
      ],
      always: [{ guard: 'modelIsAwaited', target: 'awaitingModel' }, { target: 'running' }],
    },
    awaitingModel: {
      description: 'Waits for PUT /v1/runs/:run/model.',
      entry: ['startModelWindow'],
      exit: 'noDeadline',
      invoke: { id: 'modelDeadline', src: 'deadline', input: ({ context }) => context },
      on: {
        'model.installed': 'running',
        'run.stop': {
          target: 'stopped',
          actions: { type: 'noteReason', params: { reason: 'stopped by an operator' } },
        },
        'deadline.passed': {
          target: 'stopped',
          actions: { type: 'noteReason', params: { reason: 'the initial model was not uploaded in time' } },
        },
      },
    },
    running: {
      description: 'One round after another.',
      initial: 'opening',
      on: {
        'run.stop': {
          target: 'stopped',
          actions: { type: 'noteReason', params: { reason: 'stopped by an operator' } },
        },
        'run.pause': { actions: 'requestPause' },
      },
      states: {
        opening: {
          description: 'The aggregator is readied for the round.',
          entry: ['startOpeningWindow', 'markSince'],
          exit: 'noDeadline',
          invoke: [
            {
              id: 'openRound',
              src: 'openRound',
              input: ({ context }) => ({ run: runOf(context), resumed: context.resumed }),
              onDone: [
                { guard: 'mustPauseNow', target: '#coordinator.paused' },
                { target: 'round', actions: { type: 'noteTally', params: ({ event }) => event.output } },
              ],
              onError: {
                target: 'settled',
                actions: [
                  { type: 'settleRound', params: ({ event }) => notOpened(messageOf(event.error)) },
                  { type: 'noteOutcome', params: ({ event }) => notOpened(messageOf(event.error)) },
                  'forgetResumed',
                ],
              },
            },
            { id: 'openingDeadline', src: 'deadline', input: ({ context }) => context },
          ],
          on: {
            'run.stop': {
              target: '#coordinator.stopped',
              actions: [
                { type: 'settleRound', params: wasStopped },
                { type: 'noteReason', params: { reason: 'stopped by an operator' } },
                'forgetResumed',
              ],
            },
            'deadline.passed': {
              target: 'settled',
              actions: [
                { type: 'noteTime', params: ({ event }) => event },
                { type: 'settleRound', params: notOpened('The aggregator did not open the round in time') },
                { type: 'noteOutcome', params: notOpened('The aggregator did not open the round in time') },
                'forgetResumed',
              ],
            },
          },
        },
        round: {
          description: 'A round is open.',
          exit: [{ type: 'settleRound', params: ({ event }) => outcomeOf(event) }, 'forgetResumed'],
          invoke: {
            id: 'round',
            src: 'round',
            input: ({ context }): RoundInput => {
              const { run, round, attempt, plan } = runOf(context);
              return { run, round, attempt, plan, tally: context.tally, resumed: context.resumed };
            },
            onDone: [
              {
                guard: { type: 'failedForWantOfClients', params: ({ event }) => event.output },
                target: 'gathering',
                actions: { type: 'noteOutcome', params: ({ event }) => event.output },
              },
              { target: 'settled', actions: { type: 'noteOutcome', params: ({ event }) => event.output } },
            ],
            onError: {
              target: 'settled',
              actions: { type: 'noteOutcome', params: ({ event }) => crashed(event.error) },
            },
          },
          on: {
            'run.pause': { actions: ['requestPause', sendTo('round', { type: 'round.pause' })] },
          },
        },
        settled: {
          description: 'What comes after a round?',
          always: [
            { guard: 'isFinished', target: '#coordinator.finished' },
            { guard: 'pauseRequested', target: '#coordinator.paused' },
            { guard: 'attemptsExhausted', target: '#coordinator.paused' },
            { target: 'opening' },
          ],
        },
        gathering: {
          description: 'No round is open: it opens as soon as enough clients are registered.',
          tags: ['resting'],
          entry: 'markSince',
          always: [
            { guard: 'pauseRequested', target: '#coordinator.paused' },
            { guard: 'clientsSuffice', target: 'opening' },
          ],
        },
      },
    },
    paused: {
      description: 'Opens no round until it is resumed.',
      tags: ['resting'],
      entry: 'markSince',
      on: {
        'run.resume': { target: 'running', actions: 'clearPause' },
        'run.stop': {
          target: 'stopped',
          actions: { type: 'noteReason', params: { reason: 'stopped by an operator' } },
        },
      },
    },
    finished: {
      description: 'All rounds are committed.',
      tags: ['resting', 'over'],
      entry: 'markSince',
      on: { 'run.start': 'starting' },
    },
    stopped: {
      description: 'Ended before its last round.',
      tags: ['resting', 'over'],
      entry: 'markSince',
      on: { 'run.start': 'starting' },
    },
    draining: { type: 'final', description: 'The server is shutting down.' },
  },
});
