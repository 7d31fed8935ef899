import type { ErrorCode } from '../domain/errors.ts';
import { messageOf } from '../domain/words.ts';

/** A code of the server's catalogue, or `HTTP_<status>` when the answer had none (a proxy's page, say). */
export type HttpErrorCode = ErrorCode | (string & Record<never, never>);

export interface HttpRefusal {
  /** The call that was refused, e.g. `POST /v1/clients`; never holds a token. */
  call: string;
  status: number;
  code: HttpErrorCode;
  /** One sentence that names the offender. */
  detail: string;
  /** What to do about it; may be empty. */
  remedy: string;
  /** When to come back, ms; null when the server did not say. */
  retryAfterMs: number | null;
}

/** The server answered, and refused. */
export class ChorusHttpError extends Error {
  override readonly name = 'ChorusHttpError';
  readonly status: number;
  readonly code: HttpErrorCode;
  readonly detail: string;
  readonly remedy: string;
  readonly retryAfterMs: number | null;

  constructor({ call, status, code, detail, remedy, retryAfterMs }: HttpRefusal) {
    super(`${call} was answered ${status} ${code}: ${detail}${remedy === '' ? '' : ` (${remedy})`}`);
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.remedy = remedy;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * `unreachable`: no whole answer came (refused, cut, or a browser kept it from us) · `timeout`: none came in time ·
 * `badAnswer`: what came is no answer of a Chorus server · `noAggregator`: the coordinator names no aggregator.
 */
export type NetworkFailure = 'unreachable' | 'timeout' | 'badAnswer' | 'noAggregator';

/** The server gave no answer that can be used; whether it acted on the call is not known. */
export class ChorusNetworkError extends Error {
  override readonly name = 'ChorusNetworkError';
  readonly kind: NetworkFailure;

  constructor(kind: NetworkFailure, message: string, options?: { cause: unknown }) {
    super(message, options);
    this.kind = kind;
  }
}

/** The bounds on retries are used up. `cause` is the last failure. */
export class ServerUnavailableError extends Error {
  override readonly name = 'ServerUnavailableError';
  readonly attempts: number;
  /** From the first failure to giving up. */
  readonly elapsedMs: number;

  constructor(
    message: string,
    { attempts, elapsedMs, cause }: { attempts: number; elapsedMs: number; cause: unknown },
  ) {
    super(message, { cause });
    this.attempts = attempts;
    this.elapsedMs = elapsedMs;
  }
}

/** `train` failed in too many rounds in a row. `cause` is what it threw last. */
export class TrainingFailedError extends Error {
  override readonly name = 'TrainingFailedError';
  readonly rounds: number;

  constructor(rounds: number, cause: unknown) {
    super(`train failed in ${rounds} rounds in a row; the last time: ${messageOf(cause)}`, { cause });
    this.rounds = rounds;
  }
}

/** Whether the server refused with one of these codes. */
export const isRefusal = (
  error: unknown,
  ...codes: readonly ErrorCode[]
): error is ChorusHttpError & { code: ErrorCode } =>
  error instanceof ChorusHttpError && (codes as readonly string[]).includes(error.code);

/**
 * Whether the server does not know this client, or not by this token: it restarted, or gave the client up. A token is
 * only ever one that this server handed out.
 */
export const isForgotten = (error: unknown): boolean => isRefusal(error, 'CLIENT_UNKNOWN', 'CLIENT_TOKEN_INVALID');
