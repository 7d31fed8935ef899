import type { AuditEntry, Operation } from '../domain/operations.ts';
import type { Round } from '../domain/round.ts';
import type { Outlook } from './outlook.ts';

/** What would come of an operation. */
export interface Planned {
  operation: Operation;
  /** The slot of the client that it is about, or −1. */
  slot: number;
  /** The open round before it. */
  round: Round | null;
  before: Outlook;
  after: Outlook;
  sentences: string[];
  params: AuditEntry['params'];
}
