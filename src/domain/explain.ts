import { afterGivingUp } from './after-giving-up.ts';
import { type AggregatorSituation, explainAggregator, isServing } from './explain-aggregator.ts';
import { candidateWord } from './plan.ts';
import {
  type AbandonReason,
  clientsMissing,
  clientsWanted,
  mayExtend,
  openClients,
  type Round,
  resultsWanted,
  type Tally,
} from './round.ts';
import { attemptOf, type Run } from './run.ts';
import type { Phase, WaitingFor } from './status.ts';
import { clockTime, inSeconds, plural, shortId } from './words.ts';

/** Ids named in full in an explanation. */
const clientsNamedMax = 20;

export interface Situation {
  phase: Phase;
  sinceMs: number;
  deadlineAtMs: number | null;
  tally: Tally;
  run: Run | null;
  round: Round | null;
  /** Clients that have not reported yet: selected or training. */
  openClientIds: readonly string[];
  /** null: not known, of a past moment or one that is only foreseen. */
  aggregator: AggregatorSituation | null;
  /** Why nothing can be written to the data folder; null: it can, or that is not known. @default null */
  storageTrouble?: string | null;
}

function names(ids: readonly string[]): string {
  const shown = ids.slice(0, 5).map(shortId).join(', ');
  return ids.length > 5 ? `${shown} and ${ids.length - 5} more` : shown;
}

/**
 * The answer to "why is this round waiting?": what is missing, from whom, what happens next and when, or that it waits
 * for somebody however long that takes. The one place where it is worked out, from the same state the machine decides
 * from.
 */
export function explain(situation: Situation): WaitingFor {
  const { phase, sinceMs, deadlineAtMs, openClientIds } = situation;
  const { text, guard, next, named } = reason(situation);
  const until = deadlineAtMs === null ? next : `at ${clockTime(deadlineAtMs)} ${next}`;
  return {
    phase,
    summary: `${[text, ...asides(situation), until].join('; ')}.`,
    sinceMs,
    guard,
    clients: named ? openClientIds.slice(0, clientsNamedMax) : [],
    clientsTotal: named ? openClientIds.length : 0,
    deadlineAtMs,
    next,
  };
}

/** What bears on every phase in which something is under way. */
function asides({ deadlineAtMs, run, aggregator, storageTrouble = null }: Situation): string[] {
  const isLost = aggregator !== null && !isServing(aggregator);
  const isPausing = run?.pauseRequested && deadlineAtMs !== null;
  return [
    ...(isLost ? [explainAggregator(aggregator)] : []),
    ...(storageTrouble === null ? [] : [explainStorage(storageTrouble)]),
    ...(isPausing ? ['then the run pauses'] : []),
  ];
}

const explainStorage = (trouble: string): string =>
  `the data folder cannot be written to (${trouble}), so whoever registers, starts or uploads is told to come back`;

interface Reason {
  text: string;
  guard: WaitingFor['guard'];
  /** What happens at the deadline; without one, what would end the wait. */
  next: string;
  named?: boolean;
}

function reason(situation: Situation): Reason {
  const { phase, tally, run, round } = situation;
  switch (phase) {
    case 'selecting':
      return round ? selecting(round, situation) : betweenStates(situation);
    case 'training':
      return round ? training(round, situation) : betweenStates(situation);
    case 'aggregating': {
      const results = plural(tally.contributions, round?.evaluates == null ? 'contribution' : 'result');
      return {
        text: `${labelOf(round)} is summing ${results}`,
        guard: null,
        next: givenUp(run, 'aggregationTimedOut'),
      };
    }
    case 'committing':
      return { text: `${labelOf(round)} is storing the new model`, guard: null, next: givenUp(run, 'commitFailed') };
    case 'opening':
      return {
        text: `The aggregator is being readied for ${comingOf(run)}`,
        guard: null,
        next: givenUp(run, 'aggregatorLost'),
      };
    case 'judging': {
      const text = `The server evaluates model version ${run?.evaluation?.version ?? '?'}`;
      return { text, guard: null, next: givenUp(run, 'aggregationTimedOut') };
    }
    default:
      return outsideRounds(situation);
  }
}

function selecting(round: Round, { tally, run }: Situation): Reason {
  const label = labelOf(round);
  if (round.target > 0) {
    const text = `${label} has the clients it needs; the selector is choosing ${round.target} of them`;
    return { text, guard: null, next: givenUp(run, 'selectorFailed') };
  }
  const { plan, quorum } = round;
  const need = Math.max(plan.minClients, clientsWanted(plan, tally));
  const word = candidateWord(plan);
  const have = Math.min(tally.population, tally.waiting);
  const suffices = tally.population >= plan.minClients && tally.waiting >= quorum;
  return {
    text: `${label} has ${have} of ${plural(need, word)}; waiting for ${plural(Math.max(0, need - have), `more ${word}`)} to register`,
    guard: { name: 'cohortIsThere', have, need },
    next: suffices
      ? 'it goes on with the clients that are there'
      : 'it gives up, and opens again once enough clients are registered',
  };
}

function training(round: Round, { tally, run, openClientIds }: Situation): Reason {
  const [result, atWork] = round.evaluates === null ? ['update', 'training'] : ['result', 'evaluating'];
  const need = resultsWanted(round);
  const have = tally.contributions;
  const missing = Math.max(clientsMissing(round), Math.max(need, round.quorum) - have);
  const waitsFor =
    openClients(round) > 0
      ? `waiting for ${names(openClientIds)} (${tally.training} ${atWork}, ${tally.selected} not started)`
      : `everyone selected is settled; waiting for ${plural(missing, 'client')} to replace those lost`;
  return {
    text: `${labelOf(round)} has ${have} of ${plural(need, result)} (quorum ${round.quorum}); ${waitsFor}`,
    guard: { name: 'mayClose', have, need },
    next: atTrainingDeadline(round, run, `${result}s`),
    named: true,
  };
}

function outsideRounds(situation: Situation): Reason {
  const { phase, tally, run } = situation;
  switch (phase) {
    case 'gathering': {
      const need = run?.plan.minClients ?? 0;
      const word = run ? candidateWord(run.plan) : 'client';
      return {
        text: `No round is open: ${tally.population} of ${plural(need, word)} registered`,
        guard: { name: 'clientsSuffice', have: tally.population, need },
        next: `round ${run?.round ?? 1} opens when ${plural(Math.max(0, need - tally.population), `more ${word}`)} have come, however long that takes`,
      };
    }
    case 'awaitingModel':
      return {
        text: `The run waits for its initial model, PUT /v1/runs/${run?.run ?? ':run'}/model`,
        guard: null,
        next: 'the run is stopped',
      };
    case 'idle':
      return untilSomebody('No run was started yet', 'starts one with POST /v1/runs');
    case 'paused':
      return untilSomebody(`The run is paused: ${run?.reason ?? 'by an operator'}`, 'resumes or stops it');
    case 'finished':
      return untilSomebody(`The run is finished: ${finishedBy(run)}`, 'starts another with POST /v1/runs');
    case 'stopped':
      return untilSomebody(
        `The run was stopped: ${run?.reason ?? 'by an operator'}`,
        'starts another with POST /v1/runs',
      );
    case 'draining':
      return { text: 'The server is shutting down', guard: null, next: 'calls that are under way are answered first' };
    default:
      return betweenStates(situation);
  }
}

const untilSomebody = (text: string, does: string): Reason => ({
  text,
  guard: null,
  next: `nothing happens until somebody ${does}`,
});

/** Of states that are left as soon as they are entered. */
const betweenStates = ({ phase, round }: Situation): Reason => ({
  text: `${labelOf(round)} is ${phase}`,
  guard: null,
  next: 'it goes on at once',
});

function labelOf(round: Round | null): string {
  if (round === null) return 'The run';
  return round.evaluates === null ? `Round ${round.round}` : `The evaluation of round ${round.round}`;
}

function comingOf(run: Run | null): string {
  if (run === null) return 'the next round';
  const { round, evaluates } = attemptOf(run);
  return evaluates === null ? `round ${round}` : `the evaluation of round ${round}`;
}

function finishedBy(run: Run | null): string {
  const rounds = `${plural(run?.roundsCommitted ?? 0, 'round')} committed`;
  return run?.progress.goal ? `${run.progress.goal}; ${rounds}` : rounds;
}

function atTrainingDeadline(round: Round, run: Run | null, results: string): string {
  if (round.tally.contributions >= round.quorum) return `it closes with the ${results} it has`;
  if (mayExtend(round)) return `its deadline is extended by ${inSeconds(round.plan.trainingWindowMs)}`;
  return givenUp(run, 'quorumMissed');
}

function givenUp(run: Run | null, why: AbandonReason): string {
  if (run === null) return 'it is given up';
  const what = run.evaluation === null ? 'it is abandoned and' : 'it is given up, and';
  return `${what} ${afterGivingUp(run, why)}`;
}
