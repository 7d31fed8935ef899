import { assign, fromCallback, fromPromise, setup } from 'xstate';
import { candidateWord } from '../domain/plan.ts';
import {
  type AbandonReason,
  clientsMissing,
  cohortIsThere,
  cohortNow,
  hasQuorum,
  mayClose,
  mayExtend,
  openRound,
  quorumIsThere,
  type Round,
  type RoundInput,
  type RoundOutcome,
  replacementDue,
  startWindow,
  type Tally,
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
  | DeadlinePassed;

/** How long the selector may take to answer, ms. */
export const selectorWindowMs = 5_000;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * One attempt at one round. It knows no clock, socket, pool or disk: effects come by `.provide()`, time comes with the
 * events. Each phase has a deadline, and whatever happens the one question is asked again: may this round close?
 */
export const roundMachine = setup({
  types: {} as { context: Round; input: RoundInput; events: RoundEvent; output: RoundOutcome },
  actors: {
    deadline: fromCallback<DeadlinePassed, DeadlineInput>(toBeProvided('deadline')),
    /** Sums the contributions. */
    aggregate: fromPromise<{ atMs: number }, Round>(toBeProvided('aggregate')),
    /** Makes the aggregate the next model version, durably, or not at all. */
    commit: fromPromise<{ modelVersion: number }, Round>(toBeProvided('commit')),
  },
  guards: {
    beganTraining: ({ context }) => context.beginsIn === 'training',
    beganAggregating: ({ context }) => context.beginsIn === 'aggregating',
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
    noteSelection: assign(({ context }, { tally, selected }: { tally: Tally; selected: number }) => ({
      ...context,
      tally,
      selectorAsked: false,
      selectorDryAt: selected === 0 ? tally.waiting : -1,
    })),
    fixTarget: assign(({ context }) => ({ ...context, target: cohortNow(context) })),
    noteSelectorAsked: assign(({ context }) => ({ ...context, selectorAsked: true })),
    countExtension: assign(({ context }) => ({ ...context, extensions: context.extensions + 1 })),
    startSelectorWindow: assign(({ context }) => startWindow(context, selectorWindowMs)),
    startTrainingWindow: assign(({ context }) => startWindow(context, context.plan.trainingWindowMs)),
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
          always: { guard: 'cohortIsThere', target: 'forming' },
          on: {
            'membership.changed': { actions: { type: 'noteTally', params: ({ event }) => event } },
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
                  params: ({ context: { tally, plan } }) => ({
                    kind: 'abandoned',
                    reason: 'tooFewClients',
                    detail: `${tally.population} ${candidateWord(plan)}s were registered when the selection window closed; minClients is ${plan.minClients}`,
                  }),
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
              params: ({ context: { tally, quorum } }) => ({
                kind: 'abandoned',
                reason: 'quorumMissed',
                detail: `${tally.contributions} of the ${quorum} contributions needed had come when the training window closed`,
              }),
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
          onDone: { target: 'committing', actions: { type: 'noteTime', params: ({ event }) => event.output } },
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
              params: ({ event }) => ({ kind: 'committed', modelVersion: event.output.modelVersion }),
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
    abandoned: { type: 'final', description: 'No model; the last one stays.' },
  },
  output: ({ context }) =>
    context.outcome ?? { kind: 'abandoned', reason: 'crashed', detail: 'The round ended without an outcome' },
});
