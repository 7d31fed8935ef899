import { assign, fromCallback, fromPromise, setup } from 'xstate';
import type { Metrics } from '../domain/metrics.ts';
import type { Plan } from '../domain/plan.ts';
import type { Round, RoundOutcome, Tally } from '../domain/round.ts';
import {
  afterRound,
  attemptsExhausted,
  clientsSuffice,
  evaluatedBy,
  isEvaluationDue,
  isFinished,
  isJudgingDue,
  type Run,
  startRun,
} from '../domain/run.ts';
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

type Beginning =
  | 'idle'
  | 'awaitingModel'
  | 'opening'
  | 'round'
  | 'gathering'
  | 'judging'
  | 'paused'
  | 'finished'
  | 'stopped';

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

export const runOf = ({ run }: CoordinatorContext): Run => {
  if (!run) throw new Error('The coordinator is in a run without a run');
  return run;
};

/** What the server's own evaluator found of a version, or why it found nothing. */
export type Judgement = { kind: 'judged'; metrics: Metrics } | { kind: 'failed'; reason: string };

/** The words of the coordinator's chart: each guard asks the run one question, each action changes it in one way. */
export const coordinatorSetup = setup({
  types: {} as {
    context: CoordinatorContext;
    input: CoordinatorInput;
    events: CoordinatorEvent;
    tags: 'resting' | 'over';
    children: {
      round: 'round';
      openRound: 'openRound';
      judge: 'judge';
      modelDeadline: 'deadline';
      openingDeadline: 'deadline';
      judgingDeadline: 'deadline';
    };
  },
  actors: {
    deadline: fromCallback<DeadlinePassed, DeadlineInput>(toBeProvided('deadline')),
    /** Readies the aggregator for the round. Settles within `openingWindowMs`. */
    openRound: fromPromise<{ tally: Tally }, { run: Run; resumed: Round | null }>(toBeProvided('openRound')),
    /** The server's own evaluator. */
    judge: fromPromise<Judgement, Run>(toBeProvided('judge')),
    round: roundMachine,
  },
  guards: {
    /** Whether the process before this one ended in that state. */
    endedIn: ({ context }, { state }: { state: Beginning }) => context.beginsIn === state,
    roundIsResumed: ({ context }) => context.resumed !== null,
    modelIsAwaited: ({ context }) => runOf(context).plan.initialModel === 'upload',
    clientsSuffice: ({ context }) => clientsSuffice(runOf(context), context.tally),
    isJudgingDue: ({ context }) => isJudgingDue(runOf(context)),
    isEvaluationDue: ({ context }) => isEvaluationDue(runOf(context)),
    isFinished: ({ context }) => isFinished(runOf(context)),
    pauseRequested: ({ context }) => runOf(context).pauseRequested,
    /** A round that is gone on with ends first, and an evaluation belongs to the round before it. */
    mustPauseNow: ({ context }) =>
      runOf(context).pauseRequested && context.resumed === null && !isEvaluationDue(runOf(context)),
    attemptsExhausted: ({ context }) => attemptsExhausted(runOf(context)),
    failedForWantOfClients: ({ context }, outcome: RoundOutcome) =>
      outcome.kind === 'abandoned' && outcome.reason === 'tooFewClients' && !isEvaluationDue(runOf(context)),
  },
  actions: {
    startRun: assign((_, { run, plan, atMs }: { run: string; plan: Plan; atMs: number }) => ({
      run: startRun(run, plan, atMs),
    })),
    noteTally: assign((_, { tally }: { tally: Tally }) => ({ tally })),
    noteTime: assign(({ context }, { atMs }: { atMs: number }) => ({ tally: { ...context.tally, atMs } })),
    /** Notes what time it is; a round may have gone on for long since the latest tally. */
    noteNow: toBeProvided('noteNow') as () => void,
    noteOutcome: assign(({ context }, outcome: RoundOutcome) => ({ run: afterRound(runOf(context), outcome) })),
    noteJudgement: assign(({ context }, judgement: Judgement) => ({
      run: evaluatedBy(runOf(context), judgement.kind === 'judged' ? judgement.metrics : null),
    })),
    noteReason: assign(({ context }, { reason }: { reason: string | null }) => ({
      run: { ...runOf(context), reason },
    })),
    requestPause: assign(({ context }) => ({
      run: { ...runOf(context), pauseRequested: true, reason: 'an operator asked for it' },
    })),
    clearPause: assign(({ context }) => ({
      run: { ...runOf(context), pauseRequested: false, failures: 0, reason: null },
    })),
    startModelWindow: assign(({ context }) => ({ deadlineAtMs: context.tally.atMs + modelWindowMs })),
    startOpeningWindow: assign(({ context }) => ({
      deadlineAtMs: context.tally.atMs + openingWindowMs + (context.resumed ? context.readBackMsMax : 0),
    })),
    startEvaluationWindow: assign(({ context }) => ({
      deadlineAtMs: context.tally.atMs + runOf(context).plan.evaluationWindowMs,
    })),
    forgetResumed: assign({ resumed: null }),
    noDeadline: assign({ deadlineAtMs: null }),
    markSince: assign(({ context }) => ({ sinceMs: context.tally.atMs })),
    /** Gives every client of the round back to the population. Runs whenever a round is left, whichever way. */
    settleRound: toBeProvided('settleRound') as (_: unknown, outcome: RoundOutcome | null) => void,
    /** Records what the server's own evaluator found. */
    recordJudgement: toBeProvided('recordJudgement') as (_: unknown, judgement: Judgement) => void,
    /** The plan of a new run applies from now on. */
    applyPlan: toBeProvided('applyPlan') as (_: unknown, params: { plan: Plan }) => void,
  },
});
