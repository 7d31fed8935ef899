import type { Phase, WaitingFor } from './handle.ts';
import { candidateWord } from './plan.ts';
import { clientsWanted, mayExtend, openClients, type Round, resultsWanted, type Tally } from './round.ts';
import type { Run } from './run.ts';

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
}

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
const clockTime = (atMs: number): string => `${new Date(atMs).toISOString().slice(11, 19)} UTC`;
const short = (clientId: string): string => `${clientId.slice(0, 8)}…`;

function names(ids: readonly string[]): string {
  const shown = ids.slice(0, 5).map(short).join(', ');
  return ids.length > 5 ? `${shown} and ${ids.length - 5} more` : shown;
}

/**
 * The answer to "why is this round waiting?": what is missing, from whom, what happens next and when. The one place
 * where it is worked out, from the same state the machine decides from.
 */
export function explain(situation: Situation): WaitingFor {
  const { phase, sinceMs, deadlineAtMs, openClientIds } = situation;
  const { text, guard, next, named } = reason(situation);
  const until = deadlineAtMs === null ? '' : `; at ${clockTime(deadlineAtMs)} ${next}`;
  return {
    phase,
    summary: `${text}${until}.`,
    sinceMs,
    guard,
    clients: named ? openClientIds.slice(0, clientsNamedMax) : [],
    clientsTotal: named ? openClientIds.length : 0,
    deadlineAtMs,
    next,
  };
}

interface Reason {
  text: string;
  guard: WaitingFor['guard'];
  next: string;
  named?: boolean;
}

function reason({ phase, tally, run, round, openClientIds }: Situation): Reason {
  const isEvaluation = round !== null && round.evaluates !== null;
  const label = isEvaluation ? `The evaluation of round ${round.round}` : round ? `Round ${round.round}` : 'The run';
  switch (phase) {
    case 'selecting': {
      if (!round) break;
      if (isEvaluation) {
        return { text: `${label} is choosing its clients`, guard: null, next: 'it is given up, and the run goes on' };
      }
      const { plan, quorum } = round;
      const need = Math.max(plan.minClients, clientsWanted(plan, tally));
      const have = Math.min(tally.population, tally.waiting);
      const word = candidateWord(plan);
      const next =
        tally.population >= plan.minClients && tally.waiting >= quorum
          ? 'it goes on with the clients that are there'
          : 'it gives up, and opens again once enough clients are registered';
      return {
        text: `${label} has ${have} of ${plural(need, word)}; waiting for ${plural(Math.max(0, need - have), `more ${word}`)} to register`,
        guard: { name: 'cohortIsThere', have, need },
        next,
      };
    }
    case 'training': {
      if (!round) break;
      const need = resultsWanted(round);
      const have = tally.contributions;
      const waitsFor =
        openClients(round) > 0
          ? `waiting for ${names(openClientIds)} (${tally.training} ${isEvaluation ? 'evaluating' : 'training'}, ${tally.selected} not started)`
          : 'everyone selected is settled; waiting for clients to replace those lost';
      return {
        text: `${label} has ${have} of ${plural(need, isEvaluation ? 'result' : 'update')} (quorum ${round.quorum}); ${waitsFor}`,
        guard: { name: 'mayClose', have, need },
        next: atTrainingDeadline(round),
        named: true,
      };
    }
    case 'aggregating':
      return {
        text: `${label} is summing ${plural(tally.contributions, 'contribution')}`,
        guard: null,
        next: 'it is retried',
      };
    case 'judging':
      return {
        text: `The server evaluates model version ${run?.evaluation?.version ?? '?'}`,
        guard: null,
        next: 'it is given up, and the run goes on',
      };
    case 'committing':
      return { text: `${label} is storing the new model`, guard: null, next: 'it is retried' };
    case 'opening':
      return { text: 'The aggregator is being readied for the next round', guard: null, next: 'it is tried again' };
    case 'gathering': {
      const need = run?.plan.minClients ?? 0;
      const word = run ? candidateWord(run.plan) : 'client';
      return {
        text: `No round is open: ${tally.population} of ${plural(need, word)} registered; round ${run?.round ?? 1} opens when ${plural(Math.max(0, need - tally.population), `more ${word}`)} have come`,
        guard: { name: 'clientsSuffice', have: tally.population, need },
        next: 'nothing',
      };
    }
    case 'awaitingModel':
      return {
        text: `The run waits for its initial model, PUT /v1/runs/${run?.run ?? ':run'}/model`,
        guard: null,
        next: 'the run is stopped',
      };
    case 'idle':
      return { text: 'No run was started yet; start one with POST /v1/runs', guard: null, next: 'nothing' };
    case 'paused':
      return {
        text: `The run is paused: ${run?.reason ?? 'by an operator'}; resume or stop it`,
        guard: null,
        next: 'nothing',
      };
    case 'finished':
      return {
        text: `The run is finished: ${finishedBy(run)}; start another with POST /v1/runs`,
        guard: null,
        next: 'nothing',
      };
    case 'stopped':
      return { text: `The run was stopped: ${run?.reason ?? 'by an operator'}`, guard: null, next: 'nothing' };
    case 'draining':
      return { text: 'The server is shutting down', guard: null, next: 'nothing' };
    default:
      break;
  }
  return { text: `${label} is ${phase}`, guard: null, next: 'nothing' };
}

function finishedBy(run: Run | null): string {
  const rounds = `${plural(run?.roundsCommitted ?? 0, 'round')} committed`;
  return run?.progress.goal ? `${run.progress.goal}; ${rounds}` : rounds;
}

function atTrainingDeadline(round: Round): string {
  if (round.tally.contributions >= round.quorum) {
    return `it closes with the ${round.evaluates === null ? 'updates' : 'results'} it has`;
  }
  if (mayExtend(round)) return `its deadline is extended by ${round.plan.trainingWindowMs} ms`;
  if (round.evaluates !== null) return 'it is given up, and the run goes on';
  return round.plan.onQuorumMissed === 'abandon'
    ? 'it is abandoned and the run pauses'
    : 'it is abandoned and tried again';
}
