import { assign, fromCallback, fromPromise, setup } from 'xstate';
import { messageOf } from '../domain/words.ts';
import { type DeadlineInput, type DeadlinePassed, toBeProvided } from './deadline.ts';

export type AggregatorEvent =
  | { type: 'round.opened' }
  | { type: 'round.closing' }
  | { type: 'round.closed' }
  | { type: 'service.lost'; reason: string; atMs: number }
  | { type: 'service.close' }
  | DeadlinePassed;

export interface AggregatorContext {
  /** Losses since the service last worked for `stableMs`. */
  losses: number;
  restarts: number;
  reason: string | null;
  atMs: number;
  startedAtMs: number;
  deadlineAtMs: number | null;
}

/** How long a start may take, ms. */
export const startWindowMs = 15_000;
/** A disk that reads slower than this is broken. */
const readBytesPerMsMin = 10_000;
/** Longest wait for updates to be read back and summed, ms. @param bytes of all of them together */
export const readBackMsMax = (bytes: number): number => Math.ceil(bytes / readBytesPerMsMin);
/** Losses in a row after which it is given up. */
export const lossesMax = 8;
/** A service that worked so long has recovered: losses are counted from 0 again, ms. */
export const stableMs = 60_000;

/** Waits between restarts: at once, then 200 ms doubling to 10 s. */
export const backoffMs = (losses: number): number => (losses <= 1 ? 0 : Math.min(10_000, 100 * 2 ** (losses - 1)));

const lossBy = (error: unknown, { atMs }: AggregatorContext) => ({
  reason: messageOf(error),
  atMs,
});

/** The life of the aggregator service, wherever it runs: it is started, works, is lost, and is started again. */
export const aggregatorMachine = setup({
  types: {} as {
    context: AggregatorContext;
    input: { atMs: number };
    events: AggregatorEvent;
    tags: 'resting' | 'ready';
  },
  actors: {
    deadline: fromCallback<DeadlinePassed, DeadlineInput>(toBeProvided('deadline')),
    /** Starts the service, with the model it serves. @returns how much of the open round it has to read back. */
    start: fromPromise<{ atMs: number; bytesToRead: number }, undefined>(toBeProvided('start')),
    /** Gives it back the open round, and then its port. */
    resume: fromPromise<{ atMs: number }, undefined>(toBeProvided('resume')),
  },
  guards: { hopeless: ({ context }) => context.losses >= lossesMax },
  actions: {
    noteLoss: assign(({ context }, { reason, atMs }: { reason: string; atMs: number }) => ({
      reason,
      atMs,
      losses: atMs - context.startedAtMs >= stableMs ? 1 : context.losses + 1,
      restarts: context.restarts + 1,
    })),
    noteTime: assign((_, { atMs }: { atMs: number }) => ({ atMs })),
    noteStarted: assign((_, { atMs }: { atMs: number }) => ({ startedAtMs: atMs, atMs })),
    startWindow: assign(({ context }) => ({ deadlineAtMs: context.atMs + startWindowMs })),
    startResumeWindow: assign((_, { atMs, bytesToRead }: { atMs: number; bytesToRead: number }) => ({
      atMs,
      deadlineAtMs: atMs + startWindowMs + readBackMsMax(bytesToRead),
    })),
    startBackoff: assign(({ context }) => ({ deadlineAtMs: context.atMs + backoffMs(context.losses) })),
    noDeadline: assign({ deadlineAtMs: null }),
    /** Ends what is left of it; a call to it is refused from then on. */
    discard: toBeProvided('discard') as () => void,
  },
}).createMachine({
  id: 'aggregator',
  context: ({ input: { atMs } }) => ({
    losses: 0,
    restarts: 0,
    reason: null,
    atMs,
    startedAtMs: atMs,
    deadlineAtMs: null,
  }),
  initial: 'starting',
  on: {
    'service.lost': {
      target: '.faulted',
      actions: { type: 'noteLoss', params: ({ event }) => event },
    },
    'service.close': '.closed',
  },
  states: {
    starting: {
      description: 'The service is coming up.',
      entry: 'startWindow',
      exit: 'noDeadline',
      invoke: [
        {
          id: 'start',
          src: 'start',
          onDone: { target: 'resuming', actions: { type: 'startResumeWindow', params: ({ event }) => event.output } },
          onError: {
            target: 'faulted',
            actions: { type: 'noteLoss', params: ({ event, context }) => lossBy(event.error, context) },
          },
        },
        { id: 'startDeadline', src: 'deadline', input: ({ context }) => context },
      ],
      on: {
        'deadline.passed': {
          target: 'faulted',
          actions: {
            type: 'noteLoss',
            params: ({ event }) => ({ reason: 'it did not start in time', atMs: event.atMs }),
          },
        },
      },
    },
    resuming: {
      description: 'The service takes up the round that is open, and reads back what was accepted in it.',
      exit: 'noDeadline',
      invoke: [
        {
          id: 'resume',
          src: 'resume',
          onDone: { target: 'idle', actions: { type: 'noteStarted', params: ({ event }) => event.output } },
          onError: {
            target: 'faulted',
            actions: { type: 'noteLoss', params: ({ event, context }) => lossBy(event.error, context) },
          },
        },
        { id: 'resumeDeadline', src: 'deadline', input: ({ context }) => context },
      ],
      on: {
        'deadline.passed': {
          target: 'faulted',
          actions: {
            type: 'noteLoss',
            params: ({ event }) => ({ reason: 'it did not take up the round in time', atMs: event.atMs }),
          },
        },
      },
    },
    idle: {
      description: 'Serves the last model; no round is open.',
      tags: ['resting', 'ready'],
      on: { 'round.opened': 'collecting' },
    },
    collecting: {
      description: 'Hands out the model and takes in updates; the round ends it.',
      tags: ['resting', 'ready'],
      on: { 'round.closing': 'aggregating', 'round.closed': 'idle', 'round.opened': 'collecting' },
    },
    aggregating: {
      description: 'Sums the contributions; the round ends it.',
      tags: ['resting', 'ready'],
      on: { 'round.closed': 'idle', 'round.opened': 'collecting' },
    },
    faulted: {
      description: 'The service was lost.',
      entry: 'discard',
      always: [{ guard: 'hopeless', target: 'failed' }, { target: 'restarting' }],
    },
    restarting: {
      description: 'Waits a little before it is started again.',
      entry: 'startBackoff',
      exit: 'noDeadline',
      invoke: { id: 'backoff', src: 'deadline', input: ({ context }) => context },
      on: {
        'deadline.passed': {
          target: 'starting',
          actions: { type: 'noteTime', params: ({ event }) => event },
        },
      },
    },
    failed: { description: 'Lost too often in a row: given up.', tags: ['resting'] },
    closed: { type: 'final', entry: 'discard', description: 'Shut down.' },
  },
});
