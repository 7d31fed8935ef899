import { fromCallback } from 'xstate';
import type { Clock } from '../domain/clock.ts';

export interface DeadlinePassed {
  type: 'deadline.passed';
  atMs: number;
}

export interface DeadlineInput {
  /** Unix ms; null: never. */
  deadlineAtMs: number | null;
}

/**
 * A deadline as an invoked actor whose input is an absolute time. Unlike a machine's `after`, it is armed anew when a
 * snapshot is restored (statelyai/xstate#5331).
 */
export const deadline = (clock: Clock) =>
  fromCallback<DeadlinePassed, DeadlineInput>(({ input: { deadlineAtMs }, sendBack }) => {
    if (deadlineAtMs === null) return undefined;
    const timer = clock.setTimeout(
      () => sendBack({ type: 'deadline.passed', atMs: clock.now() }),
      Math.max(0, deadlineAtMs - clock.now()),
    );
    return () => clock.clearTimeout(timer);
  });

/** Stands in for an effect that the actor must bring by `.provide()`; running it is a programming error. */
export const toBeProvided = (name: string) => (): never => {
  throw new Error(`The machine runs without its "${name}": bring it by .provide()`);
};
