import { type Operation, operationNames } from '../../domain/operations.ts';
import { Count, nullable, Sha256, TimeMs } from './common.ts';
import { RoundReply, StatusReply, WaitingFor } from './coordinator.ts';
import { Type } from './type.ts';

/** Which parameter an operation takes is said by `operationOf`, whose sentences name the fix. */
export const OperationBody = Type.Object(
  {
    operation: Type.Enum(operationNames),
    dryRun: Type.Boolean({ description: 'Only tell what would happen now' }),
    byMs: Type.Optional(Type.Integer({ minimum: 1, description: 'extendDeadline: by how much' })),
    quorum: Type.Optional(Type.Integer({ minimum: 1, description: 'lowerQuorum: to how many contributions' })),
    clientId: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'evict and readmit' })),
  },
  { additionalProperties: false },
);

const Outlook = Type.Object({
  runState: Type.String(),
  phase: Type.String(),
  round: Count,
  attempt: Count,
  counts: StatusReply.properties.counts,
  contributions: Count,
  target: nullable(Count),
  quorum: nullable(Count),
  waitingFor: WaitingFor,
});

export const OperationReply = Type.Object({
  dryRun: Type.Boolean(),
  sentences: Type.Array(Type.String(), { description: 'What happens, or would' }),
  before: Outlook,
  after: Outlook,
});

export const AuditQuery = Type.Object({ limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })) });
export const AuditReply = Type.Object({
  entries: Type.Array(
    Type.Object({
      seq: Count,
      atMs: TimeMs,
      operation: Type.String(),
      params: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()])),
      sentence: Type.String(),
      by: Type.String(),
      from: Type.String({ description: 'The kind of address, never the address' }),
      hash: Sha256,
      previousHash: Sha256,
    }),
    { description: 'Newest first' },
  ),
  isIntact: Type.Boolean({ description: 'Whether each hash follows from the entry and the hash before it' }),
});

const seqRange = { minimum: 1, maximum: Number.MAX_SAFE_INTEGER };
export const HistoryQuery = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
  before: Type.Optional(Type.Integer({ ...seqRange, description: 'Only entries before this one' })),
});
export const HistoryReply = Type.Object({
  firstSeq: Count,
  lastSeq: Count,
  onDisk: Type.Boolean({ description: 'Whether all entries are kept, on the disk' }),
  entries: Type.Array(Type.Object({ seq: Count, atMs: TimeMs, type: Type.String(), sentence: Type.String() })),
});
export const MomentParams = Type.Object({ seq: Type.Integer(seqRange) });
export const MomentReply = Type.Object({ status: StatusReply, rounds: Type.Array(RoundReply) });

/** What each operation must be given, beside its name. */
const paramOf = {
  pause: null,
  resume: null,
  stop: null,
  extendDeadline: 'byMs',
  lowerQuorum: 'quorum',
  evict: 'clientId',
  readmit: 'clientId',
} as const satisfies Record<Operation['operation'], string | null>;

type Given = { operation: string; byMs?: number; quorum?: number; clientId?: string };

/** @returns the operation, or in a sentence what is missing or too much. */
export function operationOf(given: Given): Operation | string {
  const operation = given.operation as Operation['operation'];
  const param = paramOf[operation];
  const others = (['byMs', 'quorum', 'clientId'] as const).filter(
    (name) => name !== param && given[name] !== undefined,
  );
  if (others.length > 0) return `${operation} takes no ${others.join(' and no ')}`;
  if (param === null) return { operation } as Operation;
  if (given[param] === undefined) return `${operation} needs ${param}`;
  return { operation, [param]: given[param] } as Operation;
}
