import type { Clock } from '../domain/clock.ts';
import type { ChorusClient } from './chorus-client.ts';
import type { ProgressListener } from './progress.ts';

/** What all parts of a participant share. */
export interface ParticipantContext {
  readonly client: ChorusClient;
  readonly clock: Clock;
  readonly emit: ProgressListener;
  /** Calls until it goes well, within the participant's bounds; tells the listener of each retry. */
  retry<T>(call: string, act: () => Promise<T>, options: { signal: AbortSignal; untilMs?: number }): Promise<T>;
}
