import {
  clientsMissing,
  openRound,
  quorumMissed,
  type Round,
  type RoundOutcome,
  tooFewClients,
} from '../domain/round.ts';
import { messageOf } from '../domain/words.ts';
import { roundSetup } from './round.setup.ts';

type Abandoned = RoundOutcome & { kind: 'abandoned' };

const abandoned = (reason: Abandoned['reason'], detail: string): Abandoned => ({ kind: 'abandoned', reason, detail });

const wantOfClients = (round: Round): Abandoned => abandoned('tooFewClients', tooFewClients(round));

/** The transition of an attempt that comes to nothing, for a reason that is known beforehand. */
const abandon = (reason: Abandoned['reason'], detail: string) =>
  ({ target: '#round.abandoned', actions: { type: 'conclude', params: abandoned(reason, detail) } }) as const;

/**
 * One attempt at one round, or at the evaluation of its model, which ends when its metrics are summed. It knows no clock,
 * socket, pool or disk: effects come by `.provide()`, time comes with the events. Each phase has a deadline, and whatever
 * happens the one question is asked again: may this round close?
 */
export const roundMachine = roundSetup.createMachine({
  id: 'round',
  context: ({ input }) => openRound(input),
  initial: 'beginning',
  on: {
    'round.abort': {
      target: '.abandoned',
      actions: {
        type: 'conclude',
        params: ({ event }) => abandoned(event.reason, event.detail),
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
        'round.pause': abandon('paused', 'The run was paused'),
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
              abandon('selectorFailed', 'The selector chose nobody'),
            ],
            'selection.failed': abandon('selectorFailed', 'The selector failed'),
            'deadline.passed': abandon('selectorFailed', 'The selector did not answer in time'),
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
              params: ({ context }) => abandoned('quorumMissed', quorumMissed(context)),
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
              params: ({ event }) => abandoned('aggregationFailed', messageOf(event.error)),
            },
          },
        },
        { id: 'aggregationDeadline', src: 'deadline', input: ({ context }) => context },
      ],
      on: {
        'deadline.passed': abandon('aggregationTimedOut', 'Aggregation took too long'),
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
              params: ({ event }) => abandoned('commitFailed', messageOf(event.error)),
            },
          },
        },
        { id: 'commitDeadline', src: 'deadline', input: ({ context }) => context },
      ],
      on: {
        'deadline.passed': abandon('commitFailed', 'Storing the model took too long'),
      },
    },
    committed: { type: 'final', description: 'One new model version, from exactly the contributions of this round.' },
    evaluated: { type: 'final', description: 'What clients measured of the model is known.' },
    abandoned: { type: 'final', description: 'No model; the last one stays.' },
  },
  output: ({ context }) => context.outcome ?? abandoned('crashed', 'The round ended without an outcome'),
});
