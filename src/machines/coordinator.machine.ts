import { sendTo } from 'xstate';
import type { RoundInput, RoundOutcome } from '../domain/round.ts';
import { attemptOf, type Run } from '../domain/run.ts';
import { messageOf } from '../domain/words.ts';
import { coordinatorSetup, type Judgement, runOf } from './coordinator.setup.ts';

const crashed = (error: unknown): RoundOutcome => ({
  kind: 'abandoned',
  reason: 'crashed',
  detail: messageOf(error),
});
const wasPaused: RoundOutcome = { kind: 'abandoned', reason: 'paused', detail: 'The run was paused' };
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

const notJudged = (reason: string): Judgement => ({ kind: 'failed', reason });
const tookTooLong = ({ plan }: Run): Judgement => notJudged(`It took longer than ${plan.evaluationWindowMs} ms`);

/** An operator's stop. */
const stopped = {
  target: '#coordinator.stopped',
  actions: { type: 'noteReason', params: { reason: 'an operator asked for it' } },
} as const;

/**
 * The life of the coordinator: runs, and in a run one round after another. States tagged `resting` wait for an operator
 * or for clients to come, for as long as it takes; every other state ends by itself.
 */
export const coordinatorMachine = coordinatorSetup.createMachine({
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
        'run.stop': stopped,
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
        'run.stop': stopped,
        'run.pause': { actions: 'requestPause' },
      },
      states: {
        opening: {
          description: 'The aggregator is readied for the round.',
          entry: ['noteNow', 'startOpeningWindow', 'markSince'],
          exit: 'noDeadline',
          invoke: [
            {
              id: 'openRound',
              src: 'openRound',
              input: ({ context }) => ({ run: runOf(context), resumed: context.resumed }),
              onDone: [
                {
                  guard: 'mustPauseNow',
                  target: '#coordinator.paused',
                  // The attempt was opened already: left as it is, the next one could not be.
                  actions: [
                    { type: 'settleRound', params: wasPaused },
                    { type: 'noteOutcome', params: wasPaused },
                  ],
                },
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
                { type: 'noteReason', params: { reason: 'an operator asked for it' } },
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
              const current = runOf(context);
              const { run, plan } = current;
              return { run, plan, ...attemptOf(current), tally: context.tally, resumed: context.resumed };
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
            { guard: 'isJudgingDue', target: 'judging' },
            { guard: 'isEvaluationDue', target: 'opening' },
            { guard: 'pauseRequested', target: '#coordinator.paused' },
            { guard: 'attemptsExhausted', target: '#coordinator.paused' },
            { target: 'opening' },
          ],
        },
        judging: {
          description: 'The server’s own evaluator measures the model.',
          entry: ['noteNow', 'startEvaluationWindow', 'markSince'],
          exit: 'noDeadline',
          invoke: [
            {
              id: 'judge',
              src: 'judge',
              input: ({ context }) => runOf(context),
              onDone: {
                target: 'settled',
                actions: [
                  { type: 'recordJudgement', params: ({ event }) => event.output },
                  { type: 'noteJudgement', params: ({ event }) => event.output },
                ],
              },
              onError: {
                target: 'settled',
                actions: [
                  { type: 'recordJudgement', params: ({ event }) => notJudged(messageOf(event.error)) },
                  { type: 'noteJudgement', params: ({ event }) => notJudged(messageOf(event.error)) },
                ],
              },
            },
            { id: 'judgingDeadline', src: 'deadline', input: ({ context }) => context },
          ],
          on: {
            'deadline.passed': {
              target: 'settled',
              actions: [
                { type: 'noteTime', params: ({ event }) => event },
                { type: 'recordJudgement', params: ({ context }) => tookTooLong(runOf(context)) },
                { type: 'noteJudgement', params: ({ context }) => tookTooLong(runOf(context)) },
              ],
            },
          },
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
        'run.stop': stopped,
      },
    },
    finished: {
      description: 'All rounds are committed, or the goal of the plan is reached.',
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
