import type { SnapshotFrom } from 'xstate';
import type { Phase, RunState } from '../domain/status.ts';
import type { coordinatorMachine } from '../machines/coordinator.machine.ts';
import type { roundMachine } from '../machines/round.machine.ts';

/** Where the machines stand, or would. */
export interface Machines {
  coordinator: SnapshotFrom<typeof coordinatorMachine>;
  /** null: no round is open. */
  round: SnapshotFrom<typeof roundMachine> | null;
}

export function runStateOf({ coordinator }: Machines): RunState {
  if (coordinator.matches('running') || coordinator.matches('starting')) {
    return coordinator.context.run?.pauseRequested ? 'pausing' : 'running';
  }
  if (coordinator.matches('draining')) return 'stopped';
  return coordinator.value as RunState;
}

export function phaseOf({ coordinator: { value }, round }: Machines): Phase {
  if (typeof value === 'string') return value as Phase;
  if (value.running !== 'round') return value.running as Phase;
  const phase = round?.value ?? 'selecting';
  return (typeof phase === 'string' ? phase : Object.keys(phase)[0]) as Phase;
}

/** Since when the phase lasts, and until when at most. */
export const phaseSinceOf = ({ coordinator, round }: Machines): { sinceMs: number; deadlineAtMs: number | null } =>
  round?.context ?? coordinator.context;
