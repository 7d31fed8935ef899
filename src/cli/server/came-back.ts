import type { CoordinatorHandle } from '../../domain/handle.ts';
import { plural } from '../render/format.ts';

/**
 * What a server came back to, in a sentence. @param startedAtMs when this process began, Unix ms.
 * @returns null when the run is its own, or there is none.
 */
export function cameBackTo(handle: Pick<CoordinatorHandle, 'run' | 'status'>, startedAtMs: number): string | null {
  const run = handle.run();
  if (!run || run.startedAtMs >= startedAtMs) return null;
  const { round, roundsTotal, attempt, contributions, target } = handle.status();
  const committed = `${plural(run.roundsCommitted, 'round')} committed`;
  switch (run.state) {
    case 'finished':
      return `The run is finished, ${committed}; start another with: chorus run start`;
    case 'stopped':
      return `The run was stopped, ${committed}; start another with: chorus run start`;
    case 'paused':
      return `Run ${run.run} is paused at round ${round} of ${roundsTotal}; go on with: chorus run resume`;
    default: {
      const updates = target === null ? '' : `: ${contributions} of ${plural(target, 'update')}`;
      return `Goes on with run ${run.run} at round ${round} of ${roundsTotal}, attempt ${attempt}${updates}`;
    }
  }
}
