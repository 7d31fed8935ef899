import { explain } from '../domain/explain.ts';
import type { AggregatorSituation } from '../domain/explain-aggregator.ts';
import type { Tally } from '../domain/round.ts';
import { attemptOf, roundOf } from '../domain/run.ts';
import type { Status } from '../domain/status.ts';
import { type Machines, phaseOf, phaseSinceOf, runStateOf } from './machine-state.ts';
import type { ClientRegistry } from './registry.ts';

/** The part of a status that an operation can change. */
export type Outlook = Pick<
  Status,
  'runState' | 'phase' | 'round' | 'attempt' | 'counts' | 'contributions' | 'target' | 'quorum' | 'waitingFor'
>;

/** How things stand when the machines stand there and the counts are these: now, or after an operation. */
export function outlookOf(
  { machines, tally }: { machines: Machines; tally: Tally },
  registry: ClientRegistry,
  /** @param without slot of a client that is out of the round then, or −1 */
  {
    aggregator,
    storageTrouble = null,
    without = -1,
  }: { aggregator: AggregatorSituation | null; storageTrouble?: string | null; without?: number },
): Outlook {
  const phase = phaseOf(machines);
  const { run } = machines.coordinator.context;
  const round = machines.round?.context ?? null;
  const openSlots = phase === 'training' ? [...registry.slotsIn('training'), ...registry.slotsIn('selected')] : [];
  const openClientIds = openSlots.filter((slot) => slot !== without).map((slot) => registry.idOf(slot));
  const { selected, training, done, doneAndInactive, ignored } = tally;
  // Also those that the filter leaves out.
  const waiting = tally.waiting + registry.count('waiting') - registry.eligibleWaiting;
  return {
    runState: runStateOf(machines),
    phase,
    round: run ? roundOf(run) : 0,
    attempt: run ? attemptOf(run).attempt : 0,
    counts: { waiting, selected, training, done, doneAndInactive, ignored },
    contributions: tally.contributions,
    target: round && round.target > 0 ? round.target : null,
    quorum: round?.quorum ?? null,
    waitingFor: explain({
      ...{ phase, ...phaseSinceOf(machines), tally, run, round, openClientIds },
      ...{ aggregator, storageTrouble },
    }),
  };
}
