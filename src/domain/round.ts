import type { ClientCounts } from './client.ts';
import { cohortWanted, contributionsWanted, isBuffered, type Plan, quorumOf } from './plan.ts';

/** Counts as read from the registry and the round's ledger at one moment; carried by every event about a round. */
export interface Tally extends ClientCounts {
  /** When it was read, Unix ms. */
  atMs: number;
  /** Registered clients that are there. Like those waiting, only the eligible ones when the plan has a filter. */
  population: number;
  /** Updates accepted in this attempt. */
  contributions: number;
  /** How many this attempt is to select, as it was fixed when it opened; left out: what the plan says. */
  cohortWanted?: number;
}

export type AbandonReason =
  | 'tooFewClients'
  | 'quorumMissed'
  | 'selectorFailed'
  | 'aggregationFailed'
  | 'aggregationTimedOut'
  | 'commitFailed'
  | 'aggregatorLost'
  | 'updatesLost'
  | 'modelInstalled'
  | 'paused'
  | 'stopped'
  | 'restarted'
  | 'crashed';

export type RoundOutcome =
  | { kind: 'committed'; modelVersion: number }
  | { kind: 'abandoned'; reason: AbandonReason; detail: string };

/** One attempt at one round: what the machine decides from. Plain JSON. */
export interface Round {
  readonly run: string;
  readonly round: number;
  readonly attempt: number;
  readonly plan: Plan;
  readonly quorum: number;
  /** How many clients the cohort shall have; fixed when the cohort is formed, 0 before. */
  readonly target: number;
  readonly tally: Tally;
  /** Where this process takes it up: at its beginning, or where the one before it ended. */
  readonly beginsIn: 'selecting' | 'training' | 'aggregating';
  readonly sinceMs: number;
  readonly deadlineAtMs: number;
  readonly extensions: number;
  /** A question to the selector is open. */
  readonly selectorAsked: boolean;
  /** `tally.waiting` when the selector last had nobody to give, so that it is not asked again in vain; else −1. */
  readonly selectorDryAt: number;
  readonly outcome: RoundOutcome | null;
}

export interface RoundInput {
  run: string;
  round: number;
  attempt: number;
  plan: Plan;
  tally: Tally;
  /** The round as it was when the process before this one ended; null: it begins now. */
  resumed: Round | null;
}

export function openRound({ run, round, attempt, plan, tally, resumed }: RoundInput): Round {
  if (resumed) return { ...resumed, tally };
  // Those who went on training are its cohort already; whoever is missing is selected as if somebody had been lost.
  const goesOn = isBuffered(plan) && tally.selected + tally.training > 0;
  const windowMs = goesOn ? plan.trainingWindowMs : plan.selectionWindowMs;
  return {
    run,
    round,
    attempt,
    plan,
    quorum: quorumOf(plan),
    target: goesOn ? clientsWanted(plan, tally) : 0,
    tally,
    beginsIn: goesOn ? 'training' : 'selecting',
    sinceMs: tally.atMs,
    deadlineAtMs: tally.atMs + windowMs,
    extensions: 0,
    selectorAsked: false,
    selectorDryAt: -1,
    outcome: null,
  };
}

/** Clients selected or training: the round may still hear from them. */
export const openClients = ({ tally }: Round): number => tally.selected + tally.training;

/** How many clients a cohort formed now would have, if they were there. */
export const clientsWanted = (plan: Plan, tally: Tally): number =>
  tally.cohortWanted ?? cohortWanted(plan, tally.population);

/** How many clients a cohort formed now should have: what is wanted, as far as it is there. */
export const cohortNow = ({ plan, tally }: Round): number => Math.min(tally.waiting, clientsWanted(plan, tally));

/** Whether everyone wanted is there, so that the cohort can be formed without waiting longer. */
export function cohortIsThere(round: Round): boolean {
  const { plan, tally } = round;
  const wanted = clientsWanted(plan, tally);
  return tally.population >= plan.minClients && tally.waiting >= wanted && tally.waiting !== round.selectorDryAt;
}

/** Whether those present could still make a quorum, when the selection window has closed. */
export const quorumIsThere = ({ plan, tally, quorum }: Round): boolean =>
  tally.population >= plan.minClients && tally.waiting >= quorum;

export const hasQuorum = ({ tally, quorum }: Round): boolean => tally.contributions >= quorum;

/** Enough contributions: the round closes without the rest of its cohort. */
export const isFull = (round: Round): boolean =>
  round.target > 0 && round.tally.contributions >= contributionsWanted(round.plan, round.target);

/**
 * How many clients were lost to the cohort and not replaced yet. Buffered, so many train at any time, and who has
 * contributed makes room for another.
 */
export const clientsMissing = (round: Round): number => {
  const settled = isBuffered(round.plan) ? 0 : round.tally.contributions;
  return Math.max(0, round.target - settled - openClients(round));
};

/** Whether a lost client can and should be replaced now. */
export function replacementDue(round: Round): boolean {
  const { tally, selectorAsked, selectorDryAt } = round;
  return (
    !isFull(round) &&
    !selectorAsked &&
    tally.waiting > 0 &&
    tally.waiting !== selectorDryAt &&
    clientsMissing(round) > 0
  );
}

/**
 * The one question asked after every event: may this round close? Never below quorum; and then when it is full, or
 * when nobody is left to wait for: all selected are settled, and no replacement is on its way or to be had.
 */
export function mayClose(round: Round): boolean {
  if (!hasQuorum(round)) return false;
  return isFull(round) || (openClients(round) === 0 && !round.selectorAsked && !replacementDue(round));
}

/** Whether the plan lets the training window be extended once more. */
export const mayExtend = ({ plan, extensions }: Round): boolean =>
  plan.onQuorumMissed === 'extend' && extensions < plan.extensionsMax;

/** Starts a phase at the time of the latest tally; it ends `windowMs` later at the latest. */
export const startWindow = (round: Round, windowMs: number): Round => ({
  ...round,
  sinceMs: round.tally.atMs,
  deadlineAtMs: round.tally.atMs + windowMs,
});

/**
 * An upper bound, in ms, of how long one attempt can last if nothing else happens: design section 6, rule 4.
 * @param selectorWindowMs how long the selector may take to answer.
 */
export function attemptMsMax(plan: Plan, selectorWindowMs: number): number {
  const extensions = plan.onQuorumMissed === 'extend' ? plan.extensionsMax : 0;
  return (
    plan.selectionWindowMs + selectorWindowMs + plan.trainingWindowMs * (1 + extensions) + 2 * plan.aggregationWindowMs
  );
}
