import type { Position } from '../domain/facts.ts';
import { quorumFor, type Round, startWindow, type Tally, workWindowMs } from '../domain/round.ts';
import type { Run } from '../domain/run.ts';
import { modelWindowMs } from '../machines/coordinator.setup.ts';
import type { History } from './history.ts';
import { openRoundOf } from './open-round.ts';

/** Where the machines go on after a restart. */
export interface Resume {
  state: Exclude<Position['state'], 'judging'>;
  run: Run | null;
  /** Since when it was there; the new process has no part in that. */
  sinceMs: number;
  /** The open round, with its clients and its contributions; null: none is gone on with. */
  round: Round | null;
}

/**
 * Why the open attempt cannot be gone on with, or null. @param durability of the new process, which decides whether what
 * the attempt does from now on outlives it.
 */
export function cannotResume({ open, position, current }: History, durability: 'update' | 'round'): string | null {
  if (!open) return null;
  if (durability === 'round') return 'The server was started anew, with durability "round"';
  if (position.state !== 'round' || !position.round) return 'The server ended while the round was being opened';
  if (open.base !== (current?.version ?? null)) return 'An initial model was installed';
  if (open.staged === null) return 'The server ended with updates that were in memory only';
  return null;
}

/** @param tally counts of the registry as it was restored; its time is that of the restart. */
export function resumeOf(history: History, tally: Tally): Resume {
  const { run, position } = history;
  if (!run) return { state: 'idle', run: null, sinceMs: tally.atMs, round: null };
  const round = openRoundOf(history, tally);
  if (round) return { state: 'round', run, sinceMs: position.sinceMs, round: goOnWith(round, history) };
  // What works begins anew.
  const { state: before } = position;
  const state = before === 'round' || before === 'judging' ? 'opening' : before;
  const sinceMs = state === 'awaitingModel' ? waitsSince(position.sinceMs, tally.atMs) : position.sinceMs;
  return { state, run, sinceMs, round: null };
}

function goOnWith(round: Round, { open }: History): Round {
  const cohort = open?.record.cohort.length ?? 0;
  if (round.beginsIn !== 'selecting' || cohort === 0) return { ...round, deadlineAtMs: deadlineAgain(round) };
  // The cohort was chosen, and the process ended before the phase began.
  const { plan, evaluates } = round;
  const target = Math.max(round.target, cohort);
  const quorum = open?.loweredQuorum ?? quorumFor(plan, evaluates, target);
  return startWindow({ ...round, target, quorum, beginsIn: 'training' }, workWindowMs(round));
}

/** A model could not be uploaded while no server was there: when its time ran out meanwhile, it is given again. */
const waitsSince = (sinceMs: number, nowMs: number): number =>
  sinceMs + modelWindowMs <= nowMs ? nowMs : Math.min(sinceMs, nowMs);

/**
 * The deadline holds on, as an absolute time. One that passed while no server was there, or is about to, is put off by
 * what a client needs to be heard of again, so that those who trained meanwhile can still report; and a clock that was set
 * back does not make it later than a whole window, with what operators added to it.
 */
function deadlineAgain(round: Round): number {
  const { beginsIn: phase, deadlineAtMs, extendedByMs, plan } = round;
  const nowMs = round.tally.atMs;
  // Summing needs no client, and begins anew.
  if (phase === 'aggregating') return nowMs + plan.aggregationWindowMs;
  const windowMs = phase === 'selecting' ? plan.selectionWindowMs : workWindowMs(round);
  const leastAtMs = nowMs + Math.min(windowMs, plan.heartbeatTimeoutMs);
  return Math.max(leastAtMs, Math.min(deadlineAtMs, nowMs + windowMs + extendedByMs));
}
