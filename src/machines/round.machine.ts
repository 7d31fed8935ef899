import { assign, fromCallback, fromPromise, setup } from 'xstate';
import type { Metrics } from '../domain/metrics.ts';
import {
  type AbandonReason,
  clientsMissing,
  cohortIsThere,
  extendDeadline,
  fixTarget,
  hasQuorum,
  mayClose,
  mayExtend,
  noteSelection,
  openRound,
  quorumIsThere,
  quorumMissed,
  type Round,
  type RoundInput,
  type RoundOutcome,
  replacementDue,
  selectorWindowMs,
  startWindow,
  type Tally,
  tooFewClients,
  workWindowMs,
} from '../domain/round.ts';
import { type DeadlineInput, type DeadlinePassed, toBeProvided } from './deadline.ts';

/** Facts about the round. Each carries the tally of its moment, so that no count is ever kept beside the registry. */
export type RoundEvent =
  | { type: 'membership.changed'; tally: Tally }
  | { type: 'update.accepted'; tally: Tally }
  | { type: 'selection.made'; tally: Tally; selected: number }
  | { type: 'selection.failed'; tally: Tally }
  | { type: 'round.abort'; reason: AbandonReason; detail: string }
  /** The run is to pause: a round that has nobody at work yet need not go on. */
  | { type: 'round.pause' }
  /** An operator gives the open phase more time. */
  | { type: 'deadline.extended'; byMs: number; tally: Tally }
  /** An operator lets this attempt commit with fewer contributions. */
  | { type: 'quorum.lowered'; quorum: number; tally: Tally }
  | DeadlinePassed;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const wantOfClients = (round: Round): RoundOutcome => ({
  kind: 'abandoned',
  reason: 'tooFewClients',
  detail: tooFewClients(round),
});

/**
 * One attempt at one round, or at the evaluation of its model, which ends when its metrics are summed. It knows no clock, socket, pool or disk: effects come by `.provide()`, time comes with the
 * events. Each phase has a deadline, and whatever happens the one question is asked again: may this round close?
 */
export const roundMachine = setup({
  types: {} as { context: Round; input: RoundInput; events: RoundEvent; output: RoundOutcome },
  actors: {
    deadline: fromCallback<DeadlinePassed, DeadlineInput>(toBeProvided('deadline')),
    /** Sums the contributions; their metrics are all there is to sum of an evaluation. */
    aggregate: fromPromise<{ atMs: number; metrics: Metrics }, Round>(toBeProvided('aggregate')),
    /** Makes the aggregate the next model version, durably, or not at all. */
    commit: fromPromise<{ modelVersion: number; metrics: Metrics }, Round>(toBeProvided('commit')),
  },
  guards: {
    beganTraining: ({ context }) => context.beginsIn === 'training',
    beganAggregating: ({ context }) => context.beginsIn === 'aggregating',
    isEvaluation: ({ context }) => context.evaluates !== null,
    cohortIsThere: ({ context }) => cohortIsThere(context),
    quorumIsThere: ({ context }) => quorumIsThere(context),
    someoneWasSelected: (_, { selected }: { selected: number }) => selected > 0,
    mayClose: ({ context }) => mayClose(context),
    hasQuorum: ({ context }) => hasQuorum(context),
    mayExtend: ({ context }) => mayExtend(context),
    replacementDue: ({ context }) => replacementDue(context),
  },
  actions: {
    noteTally: assign(({ context }, { tally }: { tally: Tally }) => ({ ...context, tally })),
    noteTime: assign(({ context }, { atMs }: { atMs: number }) => ({ ...context, tally: { ...context.tally, atMs } })),
    noteSelection: assign(({ context }, { tally, selected }: { tally: Tally; selected: number }) =>
      noteSelection(context, tally, selected),
    ),
    fixTarget: assign(({ context }) => fixTarget(context)),
    noteSelectorAsked: assign(({ context }) => ({ ...context, selectorAsked: true })),
    extendDeadline: assign(({ context }, { byMs, tally }: { byMs: number; tally: Tally }) =>
      extendDeadline({ ...context, tally }, byMs),
    ),
    lowerQuorum: assign(({ context }, { quorum, tally }: { quorum: number; tally: Tally }) => ({
      ...context,
      tally,
      quorum,
    })),
    countExtension: assign(({ context }) => ({ ...context, extensions: context.extensions + 1 })),
    startSelectorWindow: assign(({ context }) => startWindow(context, selectorWindowMs)),
    startTrainingWindow: assign(({ context }) => startWindow(context, workWindowMs(context))),
    startAggregationWindow: assign(({ context }) => startWindow(context, context.plan.aggregationWindowMs)),
    conclude: assign(({ context }, outcome: RoundOutcome) => ({ ...context, outcome })),
    /** Asks the selector for clients; it answers with `selection.made` or `selection.failed`. */
    askSelector: toBeProvided('askSelector') as (_: unknown, params: { count: number }) => void,
    /** The round takes no more updates: whoever is still open is out of it. */
    dismissStragglers: toBeProvided('dismissStragglers') as () => void,
  },
}).createMachine({
  id: 'round',
  context: ({ input }) => openRound(input),
  initial: 'beginning',
  on: {
    'round.abort': {
      target: '.abandoned',
      actions: {
        type: 'conclude',
        params: ({ event }) => ({ kind: 'abandoned', reason: event.reason, detail: event.detail }),
      },
    },
  },
  states: {
    beginning: {
      description: 'Begins, or goes on where the process before this one ended.',
      always: [
        { guard: 'beganTraining', target: 'training' },
        { guard: 'beganAggregating', target: 'aggregating' },
        { target: 'selecting' },
      ],
    },
    selecting: {
      description: 'Waits for the clients that the plan wants, and forms the cohort.',
      initial: 'waiting',
      on: {
        'round.pause': {
          target: 'abandoned',
          actions: {
            type: 'conclude',
            params: { kind: 'abandoned', reason: 'paused', detail: 'The run was paused' },
          },
        },
      },
      states: {
        waiting: {
          description: 'Until enough clients are registered.',
          invoke: { id: 'selectionDeadline', src: 'deadline', input: ({ context }) => context },
          always: [
            { guard: 'cohortIsThere', target: 'forming' },
            {
              guard: 'isEvaluation',
              target: '#round.abandoned',
              actions: { type: 'conclude', params: ({ context }) => wantOfClients(context) },
            },
          ],
          on: {
            'membership.changed': { actions: { type: 'noteTally', params: ({ event }) => event } },
            'deadline.extended': {
              target: 'waiting',
              reenter: true,
              actions: { type: 'extendDeadline', params: ({ event }) => event },
            },
            'deadline.passed': [
              {
                guard: 'quorumIsThere',
                target: 'forming',
                actions: { type: 'noteTime', params: ({ event }) => event },
              },
              {
                target: '#round.abandoned',
                actions: {
                  type: 'conclude',
                  params: ({ context }) => wantOfClients(context),
                },
              },
            ],
          },
        },
        forming: {
          description: 'Until the selector has answered.',
          entry: [
            'fixTarget',
            'noteSelectorAsked',
            'startSelectorWindow',
            { type: 'askSelector', params: ({ context }) => ({ count: context.target }) },
          ],
          invoke: { id: 'selectorDeadline', src: 'deadline', input: ({ context }) => context },
          on: {
            'membership.changed': { actions: { type: 'noteTally', params: ({ event }) => event } },
            'selection.made': [
              {
                guard: { type: 'someoneWasSelected', params: ({ event }) => event },
                target: '#round.training',
                actions: [{ type: 'noteSelection', params: ({ event }) => event }, 'startTrainingWindow'],
              },
              {
                target: '#round.abandoned',
                actions: {
                  type: 'conclude',
                  params: { kind: 'abandoned', reason: 'selectorFailed', detail: 'The selector chose nobody' },
                },
              },
            ],
            'selection.failed': {
              target: '#round.abandoned',
              actions: {
                type: 'conclude',
                params: { kind: 'abandoned', reason: 'selectorFailed', detail: 'The selector failed' },
              },
            },
            'deadline.passed': {
              target: '#round.abandoned',
              actions: {
                type: 'conclude',
                params: { kind: 'abandoned', reason: 'selectorFailed', detail: 'The selector did not answer in time' },
              },
            },
          },
        },
      },
    },
    training: {
      description: 'Waits for updates; clients that are lost are replaced.',
      invoke: { id: 'trainingDeadline', src: 'deadline', input: ({ context }) => context },
      always: [
        { guard: 'mayClose', target: 'aggregating' },
        {
          guard: 'replacementDue',
          actions: [
            'noteSelectorAsked',
            { type: 'askSelector', params: ({ context }) => ({ count: clientsMissing(context) }) },
          ],
        },
      ],
      on: {
        'membership.changed': { actions: { type: 'noteTally', params: ({ event }) => event } },
        'update.accepted': { actions: { type: 'noteTally', params: ({ event }) => event } },
        'selection.made': { actions: { type: 'noteSelection', params: ({ event }) => event } },
        'selection.failed': {
          actions: { type: 'noteSelection', params: ({ event }) => ({ tally: event.tally, selected: 0 }) },
        },
        'quorum.lowered': { actions: { type: 'lowerQuorum', params: ({ event }) => event } },
        'deadline.extended': {
          target: 'training',
          reenter: true,
          actions: { type: 'extendDeadline', params: ({ event }) => event },
        },
        'deadline.passed': [
          {
            guard: 'hasQuorum',
            target: 'aggregating',
            actions: { type: 'noteTime', params: ({ event }) => event },
          },
          {
            guard: 'mayExtend',
            target: 'training',
            reenter: true,
            actions: [{ type: 'noteTime', params: ({ event }) => event }, 'countExtension', 'startTrainingWindow'],
          },
          {
            target: 'abandoned',
            actions: {
              type: 'conclude',
              params: ({ context }) => ({ kind: 'abandoned', reason: 'quorumMissed', detail: quorumMissed(context) }),
            },
          },
        ],
      },
    },
    aggregating: {
      description: 'Sums the contributions; the round takes no more.',
      entry: ['startAggregationWindow', 'dismissStragglers'],
      invoke: [
        {
          id: 'aggregate',
          src: 'aggregate',
          input: ({ context }) => context,
          onDone: [
            {
              guard: 'isEvaluation',
              target: 'evaluated',
              actions: {
                type: 'conclude',
                params: ({ context, event }) => ({
                  kind: 'evaluated',
                  modelVersion: context.evaluates ?? 0,
                  metrics: event.output.metrics,
                }),
              },
            },
            { target: 'committing', actions: { type: 'noteTime', params: ({ event }) => event.output } },
          ],
          onError: {
            target: 'abandoned',
            actions: {
              type: 'conclude',
              params: ({ event }) => ({
                kind: 'abandoned',
                reason: 'aggregationFailed',
                detail: messageOf(event.error),
              }),
            },
          },
        },
        { id: 'aggregationDeadline', src: 'deadline', input: ({ context }) => context },
      ],
      on: {
        'deadline.passed': {
          target: 'abandoned',
          actions: {
            type: 'conclude',
            params: { kind: 'abandoned', reason: 'aggregationTimedOut', detail: 'Aggregation took too long' },
          },
        },
      },
    },
    committing: {
      description: 'Stores the model; then the round counts, or not at all.',
      entry: 'startAggregationWindow',
      invoke: [
        {
          id: 'commit',
          src: 'commit',
          input: ({ context }) => context,
          onDone: {
            target: 'committed',
            actions: {
              type: 'conclude',
              params: ({ event }) => ({ kind: 'committed', ...event.output }),
            },
          },
          onError: {
            target: 'abandoned',
            actions: {
              type: 'conclude',
              params: ({ event }) => ({ kind: 'abandoned', reason: 'commitFailed', detail: messageOf(event.error) }),
            },
          },
        },
        { id: 'commitDeadline', src: 'deadline', input: ({ context }) => context },
      ],
      on: {
        'deadline.passed': {
          target: 'abandoned',
          actions: {
            type: 'conclude',
            params: { kind: 'abandoned', reason: 'commitFailed', detail: 'Storing the model took too long' },
          },
        },
      },
    },
    committed: { type: 'final', description: 'One new model version, from exactly the contributions of this round.' },
    evaluated: { type: 'final', description: 'What clients measured of the model is known.' },
    abandoned: { type: 'final', description: 'No model; the last one stays.' },
  },
  output: ({ context }) =>
    context.outcome ?? { kind: 'abandoned', reason: 'crashed', detail: 'The round ended without an outcome' },
});
