import { ChorusError, type ErrorCode } from '../../domain/errors.ts';

/** What a caller hears of its call. */
export type Answer<T> =
  | { kind: 'ok'; value: T }
  | { kind: 'refused'; code: ErrorCode; retryAfterMs: number | undefined }
  /** No connection, or no answer in time. */
  | { kind: 'failed' };

/** A refusal as it goes over the wire; null: it is none, but a defect. */
export function refusalOf(error: unknown): Answer<never> | null {
  if (!(error instanceof ChorusError) || error.code === 'INTERNAL') return null;
  return { kind: 'refused', code: error.code, retryAfterMs: error.retryAfterMs };
}

/** Codes of refusals that the same call may not meet later; as the client package has it. */
const passing: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'UPLOAD_IN_PROGRESS',
  'PAYLOAD_TRUNCATED',
  'REQUEST_TIMEOUT',
  'RATE_LIMITED',
  'SHUTTING_DOWN',
  'STORAGE_UNAVAILABLE',
  'REGISTRY_FULL',
  'STAGING_FULL',
  'STAGED_UPDATES_LOST',
  'AGGREGATOR_UNAVAILABLE',
]);

/** Whether the same call may go well later. */
export const mayPass = (answer: Answer<unknown>): boolean =>
  answer.kind === 'failed' || (answer.kind === 'refused' && passing.has(answer.code));
