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

// States that are passed through in one transition are seen by nobody; they are told as what follows them.

export function runStateOf({ coordinator: { value, context } }: Machines): RunState {
  if (typeof value === 'object' || value === 'starting') return context.run?.pauseRequested ? 'pausing' : 'running';
  if (value === 'draining') return 'stopped';
  return value === 'beginning' ? 'idle' : value;
}

export function phaseOf({ coordinator: { value }, round }: Machines): Phase {
  if (value === 'beginning') return 'idle';
  if (value === 'starting') return 'opening';
  if (typeof value === 'string') return value;
  if (value.running !== 'round') return value.running === 'settled' ? 'opening' : value.running;
  const phase = round?.value ?? 'selecting';
  return typeof phase === 'object' || phase === 'beginning' ? 'selecting' : phase;
}

/** Since when the phase lasts, and until when at most. */
export const phaseSinceOf = ({ coordinator, round }: Machines): { sinceMs: number; deadlineAtMs: number | null } =>
  round?.context ?? coordinator.context;
