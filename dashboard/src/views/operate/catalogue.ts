/** What can be done to a run: in words, and when. */
import type { Status } from '../../../../src/domain/handle.ts';
import type { OperationName } from '../../api/operations.ts';

export interface OperationWords {
  operation: OperationName;
  title: string;
  about: string;
  /** What the button says that asks. */
  short: string;
  /** What the button says that does it. */
  verb: string;
  /** Why it cannot be done now, or null. */
  blocked: (status: Status) => string | null;
  isGrave: boolean;
}

const over = ({ runState }: Status): boolean => ['idle', 'finished', 'stopped'].includes(runState);
const isOpen = ({ phase }: Status): boolean => ['selecting', 'training'].includes(phase);
const needsRun = (status: Status): string | null => (over(status) ? 'No run is going on.' : null);
const needsTraining = (status: Status): string | null =>
  status.phase === 'training' ? null : 'Only while a round is in training.';

export const catalogue: readonly OperationWords[] = [
  {
    operation: 'pause',
    short: 'Pause',
    title: 'Pause',
    about: 'An open round in training ends as usual; then no further round is opened.',
    verb: 'Pause the run',
    blocked: (status) =>
      needsRun(status) ?? (status.runState === 'running' ? null : 'It is paused already, or about to be.'),
    isGrave: false,
  },
  {
    operation: 'resume',
    short: 'Resume',
    title: 'Resume',
    about: 'Rounds are opened again, beginning with the next.',
    verb: 'Resume the run',
    blocked: ({ runState }) => (runState === 'paused' ? null : 'The run is not paused.'),
    isGrave: false,
  },
  {
    operation: 'stop',
    short: 'Stop',
    title: 'Stop',
    about: 'The open round is abandoned and the run ends. Committed models stay.',
    verb: 'Stop the run',
    blocked: needsRun,
    isGrave: true,
  },
  {
    operation: 'extendDeadline',
    short: 'Extend',
    title: 'Extend the deadline',
    about: 'The phase that is open may take longer.',
    verb: 'Extend it',
    blocked: (status) => (isOpen(status) ? null : 'No round is selecting or in training.'),
    isGrave: false,
  },
  {
    operation: 'lowerQuorum',
    short: 'Lower',
    title: 'Lower the quorum',
    about: 'This round may commit with fewer contributions. Never fewer than one.',
    verb: 'Lower it',
    blocked: needsTraining,
    isGrave: true,
  },
  {
    operation: 'evict',
    short: 'Evict',
    title: 'Evict a client',
    about: 'It is out of the open round. It may be selected for the next, or for this one when it is re-admitted.',
    verb: 'Evict it',
    blocked: () => null,
    isGrave: true,
  },
  {
    operation: 'readmit',
    short: 'Re-admit',
    title: 'Re-admit a client',
    about: 'A client that is out of the open round may be selected for it again.',
    verb: 'Re-admit it',
    blocked: () => null,
    isGrave: false,
  },
];
