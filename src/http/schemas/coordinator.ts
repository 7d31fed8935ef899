import { clientStates } from '../../domain/client.ts';
import { errorCatalogue } from '../../domain/errors.ts';
import type { Plan } from '../../domain/plan.ts';
import type { RoundKind } from '../../domain/round.ts';
import type { Reason } from '../../domain/selection-reason.ts';
import { Count, Metrics, nullable, Sha256, TimeMs, Uuid, UuidText } from './common.ts';
import { Type } from './type.ts';

const Attributes = Type.Record(
  Type.String({ pattern: '^.{1,64}$' }),
  Type.Union([Type.String({ maxLength: 256 }), Type.Number(), Type.Boolean()]),
  { maxProperties: 32, additionalProperties: false },
);

export const RendezvousBody = nullable(
  Type.Object(
    {
      name: Type.Optional(Type.String({ maxLength: 128 })),
      attributes: Type.Optional(Attributes),
      clientId: Type.Optional(UuidText),
      evaluates: Type.Optional(Type.Boolean({ description: 'It can evaluate a model, and may be asked to' })),
    },
    {
      additionalProperties: false,
      description: 'clientId, with the client token: a client that restarted keeps its identity',
    },
  ),
);

export const RegistrationReply = Type.Object({
  clientId: Uuid,
  clientToken: Type.String({ description: 'Secret: proves that later calls come from this client' }),
  heartbeatIntervalMs: Type.Integer(),
  heartbeatTimeoutMs: Type.Integer(),
});

export const Standing = Type.Enum(['standby', 'selected', 'training', 'finished']);

export const HeartbeatBody = nullable(
  Type.Object(
    { state: Standing, round: Count },
    { additionalProperties: false, description: 'What the client last heard; anything else is answered at once' },
  ),
);

export const HeartbeatReply = Type.Object({
  state: Standing,
  run: nullable(Uuid),
  round: Count,
  retryAfterMs: Type.Integer({ description: 'When to send the next heartbeat' }),
});

const Hyperparameters = Type.Record(Type.String(), Type.Union([Type.Number(), Type.String(), Type.Boolean()]));

export const TrainingReply = Type.Object({
  run: Uuid,
  round: Count,
  task: Type.Enum(['train', 'evaluate'], { description: 'What to do with the model' }),
  aggregatorUrl: nullable(Type.String()),
  trainingToken: Type.String({ description: 'Secret: for this client and this round' }),
  modelVersion: nullable(Count),
  hyperparameters: Hyperparameters,
  deadlineAtMs: TimeMs,
  traceparent: Type.Optional(
    Type.String({ description: 'W3C Trace Context of this client’s work; left out when the server traces nothing' }),
  ),
});

export const EvaluationBody = Type.Object(
  { round: Type.Integer({ minimum: 1 }), numExamples: Type.Number(), metrics: Metrics },
  {
    additionalProperties: false,
    description: 'numExamples: their weight in the means; metrics: finite numbers by name',
  },
);

const Counts = Type.Object({
  waiting: Count,
  selected: Count,
  training: Count,
  done: Count,
  doneAndInactive: Count,
  ignored: Count,
});

export const WaitingFor = Type.Object({
  phase: Type.String(),
  summary: Type.String({ description: 'What is missing, from whom, what happens next and when' }),
  sinceMs: TimeMs,
  guard: nullable(Type.Object({ name: Type.String(), have: Type.Number(), need: Type.Number() })),
  clients: Type.Array(Uuid, { description: 'The first 20 clients waited for' }),
  clientsTotal: Count,
  deadlineAtMs: nullable(TimeMs),
  next: Type.String(),
});

const Kind = Type.Enum(['training', 'evaluation']);

export const StatusReply = Type.Object({
  run: nullable(Uuid),
  runState: Type.String(),
  round: Count,
  roundsTotal: Count,
  attempt: Count,
  kind: Type.Unsafe<RoundKind | null>({ type: ['string', 'null'], enum: ['training', 'evaluation', null] }),
  phase: Type.String(),
  modelVersion: nullable(Count),
  population: Count,
  counts: Counts,
  contributions: Count,
  target: nullable(Count),
  quorum: nullable(Count),
  waitingFor: WaitingFor,
  aggregator: Type.String(),
  uptimeMs: Type.Number(),
});

const Receipt = { round: Count, clientId: Uuid, sha256: Sha256, numExamples: Count };

export const ResultReply = Type.Object({ verdict: Type.Literal('accepted'), receipt: Type.Object(Receipt) });

export const RoundReply = Type.Object({
  run: Uuid,
  round: Count,
  attempt: Count,
  kind: Kind,
  strategy: Type.Optional(
    Type.Object(
      {
        name: Type.String(),
        parameters: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()])),
        mode: Type.Enum(['synchronous', 'buffered']),
      },
      { description: 'How its updates become a model; not of evaluations' },
    ),
  ),
  phase: Type.String(),
  openedAtMs: TimeMs,
  trainingAtMs: nullable(TimeMs),
  aggregatingAtMs: nullable(TimeMs),
  endedAtMs: nullable(TimeMs),
  deadlineAtMs: nullable(TimeMs),
  target: Count,
  quorum: Count,
  quorumLowered: Type.Optional(
    Type.Array(
      Type.Object(
        { from: Count, to: Count, atMs: TimeMs, by: Type.String(), auditSeq: Count },
        {
          description: 'How operators lowered the quorum of this attempt',
        },
      ),
    ),
  ),
  overSelected: Type.Optional(
    Type.Object({ selected: Count, summary: Type.String() }, { description: 'With overSelectionAdaptive' }),
  ),
  cohort: Type.Array(Uuid),
  contributions: Type.Array(
    Type.Object({ ...Receipt, staleness: Type.Optional(Count), acceptedAtMs: TimeMs, metrics: Metrics }),
  ),
  members: Type.Optional(Type.Array(Uuid)),
  exclusions: Type.Array(
    Type.Object({
      clientId: Uuid,
      reason: Type.String(),
      code: Type.Optional(Type.Enum(Object.keys(errorCatalogue))),
      atMs: TimeMs,
    }),
  ),
  modelVersion: nullable(Count),
  reason: nullable(Type.String()),
  metrics: Metrics,
  numExamples: Type.Number(),
  marks: Type.Optional(
    Type.Array(
      Type.Object({
        clientId: Uuid,
        selectedAtMs: TimeMs,
        startedAtMs: nullable(TimeMs),
        downloadedAtMs: nullable(TimeMs),
        uploadingAtMs: nullable(TimeMs),
      }),
      { description: 'When the first 1,000 of the cohort came to each step' },
    ),
  ),
  bytesIn: Type.Optional(Type.Number({ description: 'Bytes of uploads, once it is committed' })),
  bytesOut: Type.Optional(Type.Number({ description: 'Bytes of models handed out, once it is committed' })),
});
export const SelectionReply = Type.Object({
  clientId: Uuid,
  round: Count,
  chosen: Type.Boolean(),
  reason: Type.Unsafe<Reason>({
    type: 'object',
    additionalProperties: true,
    description: 'kind, chosen, and the numbers that decided; see docs/selection.md',
  }),
  sentence: Type.String({ description: 'The same for people' }),
});
export const RoundsReply = Type.Object({ rounds: Type.Array(RoundReply) });
export const RoundQuery = Type.Object({ kind: Type.Optional(Kind) });
export const RoundsQuery = Type.Object({ limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })) });

const presentStates = clientStates.filter((state) => state !== 'unknown');
export const ClientReply = Type.Object({
  clientId: Uuid,
  state: Type.Enum(presentStates),
  waitingFor: Type.String({ description: 'What is awaited of it, or what it waits for, and until when' }),
  lastSeenAtMs: TimeMs,
  evaluates: Type.Optional(Type.Boolean()),
  name: Type.Optional(Type.String()),
  attributes: Type.Optional(Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()]))),
});
export const ClientsReply = Type.Object({ clients: Type.Array(ClientReply), cursor: nullable(Type.String()) });
export const ClientsQuery = Type.Object({
  state: Type.Optional(Type.Enum(presentStates)),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
  cursor: Type.Optional(Type.String({ maxLength: 64 })),
});

const modelInfo = {
  version: Count,
  run: Uuid,
  round: Count,
  sha256: Sha256,
  bytes: Count,
  createdAtMs: TimeMs,
  contributions: Count,
  numExamples: Type.Number(),
  metrics: Metrics,
};
export const ModelReply = Type.Object(modelInfo);
const Evaluation = Type.Object({
  by: Type.Enum(['clients', 'server']),
  atMs: TimeMs,
  metrics: Metrics,
  numExamples: Type.Number(),
  clients: Count,
  failure: nullable(Type.String({ description: 'Why there are no metrics' })),
});
export const ModelsReply = Type.Object({
  models: Type.Array(
    Type.Object({
      ...modelInfo,
      evaluations: Type.Array(Evaluation),
      best: Type.Boolean({ description: 'The best version of its run so far, by stopMetric' }),
    }),
  ),
});

/** The plan's settings; which values are legal is the plan's own matter, so that its sentences name the fix. */
export const RunBody = nullable(Type.Record(Type.String(), Type.Unknown()));
export const RunReply = Type.Object({
  run: Uuid,
  state: Type.String(),
  plan: Type.Unsafe<Plan>({ type: 'object', additionalProperties: true, description: 'Every setting' }),
  startedAtMs: TimeMs,
  endedAtMs: nullable(TimeMs),
  roundsCommitted: Count,
  bestVersion: nullable(Count),
  reason: nullable(Type.String()),
});
