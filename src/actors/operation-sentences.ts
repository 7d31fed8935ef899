import { clockTime, inSeconds, plural } from '../domain/words.ts';
import type { Planned as Whole } from './planned.ts';

const short = (clientId: string): string => `${clientId.slice(0, 8)}…`;

type Planned = Omit<Whole, 'sentences' | 'params'>;

const roundLabel = ({ round }: Planned): string => `Round ${round?.round ?? 0}, attempt ${round?.attempt ?? 0}`;

/** What happens when it is done, a sentence each. */
export function sentencesOf(plan: Planned, asksSelector: boolean): string[] {
  const { operation, round, after } = plan;
  switch (operation.operation) {
    case 'pause':
      return after.runState === 'paused'
        ? ['The run pauses at once: nobody is at work.', ...(round ? [`${roundLabel(plan)}, is given up.`] : [])]
        : [
            `${round ? roundLabel(plan) : 'What is under way'} ends as usual; then the run pauses.`,
            after.waitingFor.summary,
          ];
    case 'resume':
      return ['The run goes on.', after.waitingFor.summary];
    case 'stop':
      return ['The run ends; committed models stay.', ...(round ? [lostWith(plan)] : [])];
    case 'extendDeadline': {
      const { round: before } = plan;
      const deadlineAtMs = before?.deadlineAtMs ?? 0;
      return [
        `The deadline of round ${before?.round} moves from ${clockTime(deadlineAtMs)} to ${clockTime(deadlineAtMs + operation.byMs)}, ${inSeconds(operation.byMs)} later.`,
        after.waitingFor.summary,
      ];
    }
    case 'lowerQuorum':
      return [
        `The quorum of round ${round?.round}, attempt ${round?.attempt}, falls from ${round?.quorum} to ${operation.quorum}; later attempts keep that of the plan.`,
        ...(after.phase === plan.before.phase ? [] : [closesWith(plan)]),
        after.waitingFor.summary,
      ];
    case 'evict':
      return [
        `Client ${short(operation.clientId)} is out of round ${round?.round}; it may be chosen for the next.`,
        ...(after.phase === plan.before.phase ? [] : [closesWith(plan)]),
        ...(asksSelector ? ['Another client is chosen in its place.'] : []),
        after.waitingFor.summary,
      ];
    case 'readmit':
      return [
        `Client ${short(operation.clientId)} may be chosen for round ${round?.round} again.`,
        ...(asksSelector ? ['A place is free, so that it may be chosen at once.'] : []),
        after.waitingFor.summary,
      ];
  }
}

function lostWith(plan: Planned): string {
  const { contributions, counts } = plan.before;
  const open = counts.selected + counts.training;
  return `${roundLabel(plan)}, is given up: ${plural(contributions, 'update')} of it ${contributions === 1 ? 'is' : 'are'} lost, and ${plural(open, 'client')} at work ${open === 1 ? 'is' : 'are'} let go.`;
}

const closesWith = (plan: Planned): string =>
  `${roundLabel(plan)}, closes at once, with ${plural(plan.before.contributions, 'update')}.`;

/** What was done, for the log. */
export function auditSentenceOf(plan: Planned): string {
  const { operation, round, after } = plan;
  switch (operation.operation) {
    case 'pause':
      return after.runState === 'paused' ? 'The run was paused' : 'The run was told to pause after the open round';
    case 'resume':
      return 'The run was resumed';
    case 'stop':
      return 'The run was stopped';
    case 'extendDeadline':
      return `The deadline of round ${round?.round} was moved ${inSeconds(operation.byMs)} later, to ${clockTime((round?.deadlineAtMs ?? 0) + operation.byMs)}`;
    case 'lowerQuorum':
      return `The quorum of round ${round?.round}, attempt ${round?.attempt}, was lowered from ${round?.quorum} to ${operation.quorum}`;
    case 'evict':
      return `Client ${short(operation.clientId)} was taken out of round ${round?.round}`;
    case 'readmit':
      return `Client ${short(operation.clientId)} was let into round ${round?.round} again`;
  }
}
