import type { Clock } from '../domain/clock.ts';
import type { Heard, Heartbeats } from './heartbeats.ts';
import { childController } from './timers.ts';

/** The round goes on without this client, or is over: the reason that a task's signal is aborted with. */
export class RoundOver extends Error {
  override readonly name = 'RoundOver';
}

export interface RoundWatch {
  /** Aborted with {@link RoundOver}, or with the parent. */
  readonly signal: AbortSignal;
  /** Says that the round is over for this client. */
  end(reason: string): void;
  /** Stops watching; the signal is left as it is. */
  stop(): void;
}

export interface RoundWatchOptions {
  /** @returns why an answer to a heartbeat means that the round is over for this client, or null. */
  reasonIn: (heard: Heard) => string | null;
  signal: AbortSignal;
  clock: Clock;
  /** How long after such an answer the round is given up, ms. @default 0 */
  graceMs?: number;
  onOver?: (reason: string) => void;
}

/** Watches, by the heartbeats, whether this client is still wanted in the round. */
export function watchRound(heartbeats: Heartbeats, options: RoundWatchOptions): RoundWatch {
  const { reasonIn, signal, clock, graceMs = 0, onOver } = options;
  const round = childController(signal);
  let timer: unknown = null;

  function end(reason: string): void {
    if (round.signal.aborted) return;
    round.abort(new RoundOver(reason));
    onOver?.(reason);
  }

  const stopListening = heartbeats.listen((heard) => {
    const reason = heard === null ? 'this client was registered anew' : reasonIn(heard);
    if (reason === null || timer !== null) return;
    if (graceMs <= 0) end(reason);
    else timer = clock.setTimeout(() => end(reason), graceMs);
  });
  return {
    signal: round.signal,
    end,
    stop() {
      stopListening();
      if (timer !== null) clock.clearTimeout(timer);
      round.release();
    },
  };
}
