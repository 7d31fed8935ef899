import { assign, fromCallback, fromPromise, setup } from 'xstate';
import type { Metrics } from '../domain/metrics.ts';
import {
  type AbandonReason,
  cohortIsThere,
  extendDeadline,
  fixTarget,
  hasQuorum,
  mayClose,
  mayExtend,
  noteSelection,
  quorumIsThere,
  type Round,
  type RoundInput,
  type RoundOutcome,
  replacementDue,
  selectorWindowMs,
  startWindow,
  type Tally,
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

/** The words of the round's chart: each guard asks the round one question, each action changes it in one way. */
export const roundSetup = setup({
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
});
