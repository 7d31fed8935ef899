import type { Receipt } from '../domain/handle.ts';
import type { HttpErrorCode } from './errors.ts';

/** What happens while a client takes part. Holds no secret; each is told once, when it happens. */
export type ProgressEvent =
  | { type: 'registered'; clientId: string }
  /** The server did not know the client any more: it restarted, or had not heard from it for too long. */
  | { type: 'reregistered'; clientId: string; previousClientId: string }
  /** Takes part in this round, or in the evaluation of its model. @property deadlineAtMs by this machine's clock. */
  | {
      type: 'selected';
      run: string;
      round: number;
      task: 'train' | 'evaluate';
      modelVersion: number | null;
      deadlineAtMs: number;
    }
  /** @property modelVersion null, with 0 bytes: the run has no model yet. */
  | { type: 'downloaded'; round: number; modelVersion: number | null; bytes: number }
  | { type: 'trained'; round: number; numExamples: number; metrics: Record<string, number>; durationMs: number }
  | {
      type: 'evaluated';
      round: number;
      modelVersion: number;
      numExamples: number;
      metrics: Record<string, number>;
      durationMs: number;
    }
  /** What was measured counts. */
  | { type: 'reported'; receipt: Receipt }
  /** The update counts. */
  | { type: 'uploaded'; receipt: Receipt; bytes: number }
  /** The update, or the result, was fine, and not needed any more. */
  | { type: 'discarded'; round: number; detail: string }
  /** The server refused; what was refused is not sent again. */
  | { type: 'refused'; round: number; code: HttpErrorCode; detail: string; remedy: string }
  /** `train` threw, or returned what is no update; the client sits the round out. @property inARow rounds that failed. */
  | { type: 'trainFailed'; round: number; error: unknown; inARow: number }
  /** `evaluate` threw, or returned what is no result; the client sits the evaluation out. */
  | { type: 'evaluateFailed'; round: number; error: unknown }
  /** The model could not be fetched, or the update not delivered, in time. @property inARow rounds that failed. */
  | { type: 'missed'; round: number; error: unknown; inARow: number }
  /** The round went on without this client before it had trained; the task's signal is aborted. */
  | { type: 'roundOver'; round: number; reason: string }
  /** A call failed and is made again after `delayMs`. @property attempt attempts that failed, from 1. */
  | { type: 'retrying'; call: string; attempt: number; delayMs: number; reason: string }
  | { type: 'finished'; run: string | null };

export type ProgressListener = (event: ProgressEvent) => void;

/** A listener that cannot harm: what it throws, at once or later, is its own matter. */
export function harmless(listener: ProgressListener | undefined): ProgressListener {
  return (event) => {
    try {
      // Typed as returning nothing, it may still be an async function.
      const returned: unknown = listener?.(event);
      if (returned instanceof Promise) returned.catch(() => undefined);
    } catch {
      // As above.
    }
  };
}
