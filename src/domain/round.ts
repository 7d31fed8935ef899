import type { ClientCounts } from './client.ts';
import { evaluationCohort, evaluationQuorumOf } from './evaluation.ts';
import type { Metrics } from './metrics.ts';
import { candidateWord, cohortWanted, contributionsWanted, isBuffered, type Plan, quorumOf } from './plan.ts';
import { plural } from './words.ts';

/** Counts as read from the registry and the round's ledger at one moment; carried by every event about a round. */
export interface Tally extends ClientCounts {
  /** When it was read, Unix ms. */
  atMs: number;
  /** Registered clients that are there. Like those waiting, only the eligible ones when the plan has a filter. */
  population: number;
  /** Those waiting that can evaluate a model. */
  evaluatorsWaiting: number;
  /** Updates, or results of an evaluation, accepted in this attempt. */
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

/** What an attempt is for: a new model, or only to measure the one there is. */
export type RoundKind = 'training' | 'evaluation';

export type RoundOutcome =
  | { kind: 'committed'; modelVersion: number; metrics: Metrics }
  | { kind: 'evaluated'; modelVersion: number; metrics: Metrics }
  | { kind: 'abandoned'; reason: AbandonReason; detail: string };

/** One attempt at one round: what the machine decides from. Plain JSON. */
export interface Round {
  readonly run: string;
  readonly round: number;
  readonly attempt: number;
  /** Version that is evaluated; null: clients train. */
  readonly evaluates: number | null;
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
  /** By how much operators moved this phase's deadline, ms. */
  readonly extendedByMs: number;
  /** A question to the selector is open. */
  readonly selectorAsked: boolean;
  /** Clients that could be chosen when the selector last had nobody to give, so that it is not asked again in vain; else −1. */
  readonly selectorDryAt: number;
  readonly outcome: RoundOutcome | null;
}

export interface RoundInput {
  run: string;
  round: number;
  attempt: number;
  evaluates: number | null;
  plan: Plan;
  tally: Tally;
  /** The round as it was when the process before this one ended; null: it begins now. */
  resumed: Round | null;
}

export function openRound({ run, round, attempt, evaluates, plan, tally, resumed }: RoundInput): Round {
  if (resumed) return { ...resumed, tally };
  // Those who went on training are its cohort already; whoever is missing is selected as if somebody had been lost.
  const goesOn = evaluates === null && isBuffered(plan) && tally.selected + tally.training > 0;
  const selectionMs = evaluates === null ? plan.selectionWindowMs : plan.evaluationWindowMs;
  const windowMs = goesOn ? plan.trainingWindowMs : selectionMs;
  return {
    run,
    round,
    attempt,
    evaluates,
    plan,
    quorum: quorumFor(plan, evaluates, 0),
    target: goesOn ? clientsWanted(plan, tally) : 0,
    tally,
    beginsIn: goesOn ? 'training' : 'selecting',
    sinceMs: tally.atMs,
    deadlineAtMs: tally.atMs + windowMs,
    extensions: 0,
    extendedByMs: 0,
    selectorAsked: false,
    selectorDryAt: -1,
    outcome: null,
  };
}

/** Least contributions for the attempt to count. @param target clients in its cohort; 0 before there is one. */
export const quorumFor = (plan: Plan, evaluates: number | null, target: number): number =>
  evaluates === null ? quorumOf(plan) : evaluationQuorumOf(plan, target);

export const kindOf = ({ evaluates }: Pick<Round, 'evaluates'>): RoundKind =>
  evaluates === null ? 'training' : 'evaluation';

/** How long selected clients have. */
export const workWindowMs = ({ plan, evaluates }: Round): number =>
  evaluates === null ? plan.trainingWindowMs : plan.evaluationWindowMs;

/** Clients that may be chosen now. */
const candidatesWaiting = ({ evaluates, tally }: Round): number =>
  evaluates === null ? tally.waiting : tally.evaluatorsWaiting;

/** Why an attempt that ran out of time without its quorum is given up. */
export const quorumMissed = ({ tally, quorum, evaluates }: Round): string =>
  evaluates === null
    ? `${tally.contributions} of the ${quorum} contributions needed had come when the training window closed`
    : `${tally.contributions} of the ${quorum} results needed had come when the evaluation window closed`;

/** Clients selected or training: the round may still hear from them. */
export const openClients = ({ tally }: Round): number => tally.selected + tally.training;

/** How many clients a cohort formed now would have, if they were there. */
export const clientsWanted = (plan: Plan, tally: Tally): number =>
  tally.cohortWanted ?? cohortWanted(plan, tally.population);

/** How many clients a cohort formed now should have: what is wanted, as far as it is there. */
export const cohortNow = ({ plan, tally, evaluates }: Round): number =>
  evaluates === null
    ? Math.min(tally.waiting, clientsWanted(plan, tally))
    : evaluationCohort(plan, tally.evaluatorsWaiting);

/** The cohort's size is fixed, and with it the quorum of an evaluation. */
export function fixTarget(round: Round): Round {
  const target = cohortNow(round);
  return { ...round, target, quorum: quorumFor(round.plan, round.evaluates, target) };
}

/**
 * Whether everyone wanted is there, so that the cohort can be formed without waiting longer. An evaluation waits for
 * nobody: a round has just given all its clients back, and the run is not to stand still for it.
 */
export function cohortIsThere(round: Round): boolean {
  const { plan, tally } = round;
  if (round.evaluates !== null) return quorumIsThere(round);
  const wanted = clientsWanted(plan, tally);
  return tally.population >= plan.minClients && tally.waiting >= wanted && tally.waiting !== round.selectorDryAt;
}

/** Whether those present could still make a quorum, when the selection window has closed. */
export const quorumIsThere = (round: Round): boolean =>
  candidatesWaiting(round) >= round.quorum &&
  (round.evaluates !== null || round.tally.population >= round.plan.minClients);

/** Why an attempt without the clients it needs is given up. */
export const tooFewClients = ({ plan, tally, quorum, evaluates }: Round): string =>
  evaluates === null
    ? `${wereThere(tally.population, candidateWord(plan))} registered when the selection window closed; minClients is ${plan.minClients}`
    : `${wereThere(tally.evaluatorsWaiting, 'client')} there that can evaluate; ${quorum} ${quorum === 1 ? 'is' : 'are'} needed`;

const wereThere = (count: number, noun: string): string => `${plural(count, noun)} ${count === 1 ? 'was' : 'were'}`;

export const hasQuorum = ({ tally, quorum }: Round): boolean => tally.contributions >= quorum;

/** Enough contributions: the round closes without the rest of its cohort. */
export const isFull = (round: Round): boolean => round.target > 0 && round.tally.contributions >= resultsWanted(round);

/** Contributions at which the attempt closes without the rest of its cohort. */
export const resultsWanted = ({ plan, evaluates, target }: Round): number =>
  evaluates === null ? contributionsWanted(plan, target) : target;

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
  const { selectorAsked, selectorDryAt } = round;
  const candidates = candidatesWaiting(round);
  return (
    !isFull(round) && !selectorAsked && candidates > 0 && candidates !== selectorDryAt && clientsMissing(round) > 0
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

/** The round after the selector has answered. */
export const noteSelection = (round: Round, tally: Tally, selected: number): Round => ({
  ...round,
  tally,
  selectorAsked: false,
  selectorDryAt: selected === 0 ? candidatesWaiting({ ...round, tally }) : -1,
});

/** Whether the plan lets the training window be extended once more. */
export const mayExtend = ({ plan, extensions, evaluates }: Round): boolean =>
  evaluates === null && plan.onQuorumMissed === 'extend' && extensions < plan.extensionsMax;

/** Starts a phase at the time of the latest tally; it ends `windowMs` later at the latest. */
export const startWindow = (round: Round, windowMs: number): Round => ({
  ...round,
  sinceMs: round.tally.atMs,
  deadlineAtMs: round.tally.atMs + windowMs,
  extendedByMs: 0,
});

/** Moves the deadline of the phase that is open. */
export const extendDeadline = (round: Round, byMs: number): Round => ({
  ...round,
  deadlineAtMs: round.deadlineAtMs + byMs,
  extendedByMs: round.extendedByMs + byMs,
});

/** How long the selector may take to answer, ms. */
export const selectorWindowMs = 5_000;

/**
 * An upper bound, in ms, of how long one attempt can last if nothing else happens: design section 6, rule 4.
 * @param selectorMs how long the selector may take to answer.
 */
export function attemptMsMax(plan: Plan, selectorMs: number = selectorWindowMs, kind: RoundKind = 'training'): number {
  if (kind === 'evaluation') return selectorMs + 2 * plan.evaluationWindowMs + plan.aggregationWindowMs;
  const extensions = plan.onQuorumMissed === 'extend' ? plan.extensionsMax : 0;
  return plan.selectionWindowMs + selectorMs + plan.trainingWindowMs * (1 + extensions) + 2 * plan.aggregationWindowMs;
}
