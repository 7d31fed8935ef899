import { quorumFor, type Round, type Tally } from '../domain/round.ts';
import type { History } from './history.ts';

/** The open round as its machine saw it last, with the counts of now; null: none was open. */
export function openRoundOf({ run, position, open }: History, tally: Tally): Round | null {
  if (!run || !open || position.state !== 'round' || !position.round) return null;
  const { phase, target, extensions, extendedByMs = 0, sinceMs, deadlineAtMs } = position.round;
  const { round, attempt } = open.record;
  return {
    run: run.run,
    round,
    attempt,
    evaluates: open.evaluates,
    plan: run.plan,
    quorum: open.loweredQuorum ?? quorumFor(run.plan, open.evaluates, target),
    target,
    tally,
    // What was being stored is summed again: the same contributions in the same order give the same bits.
    beginsIn: phase === 'committing' ? 'aggregating' : phase,
    sinceMs,
    deadlineAtMs,
    extensions,
    extendedByMs,
    selectorAsked: false,
    selectorDryAt: -1,
    outcome: null,
  };
}
