/** What an operator can do to a run in progress, tried out first or done at once. */
import type { Status } from '../../../src/domain/handle.ts';
import type { AuditLog, Operation } from '../../../src/domain/operations.ts';
import { call } from './call.ts';
import { Problem } from './problem.ts';

export type { AuditLog, Operation };

export type OperationName = Operation['operation'];

export interface OperationAnswer {
  dryRun: boolean;
  /** What happens, or would, a sentence each. */
  sentences: string[];
  before: Partial<Status>;
  after: Partial<Status>;
}

const isMissing = (error: unknown): boolean =>
  error instanceof Problem && (error.code === 'NOT_FOUND' || error.code === 'METHOD_NOT_ALLOWED');

/** @returns what happens, or null when this server cannot try operations out or do more than pause, resume and stop. */
export async function operate(operation: Operation, dryRun: boolean): Promise<OperationAnswer | null> {
  try {
    const body = { ...operation, dryRun };
    return await call<OperationAnswer>('/v1/operations', { method: 'POST', body, asAdmin: true });
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  const { operation: verb } = operation;
  if (dryRun || !(verb === 'pause' || verb === 'resume' || verb === 'stop')) return null;
  const after = await call<Status>(`/v1/runs/current/${verb}`, { method: 'POST', asAdmin: true });
  return { dryRun, sentences: [after.waitingFor.summary], before: {}, after };
}

/** @returns the log, or null when this server keeps none. */
export async function readAudit(signal?: AbortSignal): Promise<AuditLog | null> {
  try {
    return await call<AuditLog>('/v1/audit', { asAdmin: true, signal });
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}
