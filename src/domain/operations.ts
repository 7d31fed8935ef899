/** What an operator can do to a run in progress: tried out first, or done, and then written down. */
export type Operation =
  | { operation: 'pause' | 'resume' | 'stop' }
  /** The open round may take this much longer, from its present deadline, ms. */
  | { operation: 'extendDeadline'; byMs: number }
  /** The open attempt may commit with so few contributions, from 1. */
  | { operation: 'lowerQuorum'; quorum: number }
  | { operation: 'evict' | 'readmit'; clientId: string };

export const operationNames = [
  'pause',
  'resume',
  'stop',
  'extendDeadline',
  'lowerQuorum',
  'evict',
  'readmit',
] as const satisfies Operation['operation'][];

/** Longest extension at once, ms: a day. */
export const extensionMsMax = 86_400_000;
/** Longest extension of one phase by operators, all in all, ms: a week. */
export const extendedMsMax = 7 * extensionMsMax;

/** Who asks. Of where a request came from only the kind of address is kept. */
export interface Origin {
  by: 'admin token' | 'this process' | 'configuration';
  from: 'loopback' | 'private network' | 'public network' | 'inside';
}

/** A call within the process, by whoever embeds the server. */
export const fromInside: Origin = { by: 'this process', from: 'inside' };
/** A run that the server starts by itself, because it was told to when it was started. */
export const fromConfiguration: Origin = { by: 'configuration', from: 'inside' };

/** What was done, in a chain of its own: each entry holds the hash of the one before. */
export interface AuditEntry extends Origin {
  /** From 1, without gaps. */
  seq: number;
  atMs: number;
  operation: Operation['operation'] | 'start';
  params: Readonly<Record<string, string | number>>;
  sentence: string;
  /** SHA-256 over the entry and the hash before it, hex. */
  hash: string;
  previousHash: string;
}

export interface AuditLog {
  /** Newest first. */
  entries: AuditEntry[];
  /** Whether each entry's hash follows from the one before. */
  isIntact: boolean;
}

/** A quorum that an operator lowered for one attempt. */
export interface QuorumDecision {
  from: number;
  to: number;
  atMs: number;
  by: Origin['by'];
  /** The entry of the audit log that says so. */
  auditSeq: number;
}
