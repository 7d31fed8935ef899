/**
 * What happened, as it is written to the journal: enough to come back to the same state after a crash, and to show any
 * past moment. Weights are never among them, nor any secret.
 */
import type { ClientProfile, ClientState } from './client.ts';
import type { ErrorCode } from './errors.ts';
import type { Evaluator } from './evaluation.ts';
import type { Metrics } from './metrics.ts';
import type { ModelInfo, ModelView } from './model.ts';
import type { AuditEntry, QuorumDecision } from './operations.ts';
import type { Receipt } from './participation.ts';
import type { Plan } from './plan.ts';
import type { AbandonReason, RoundKind } from './round.ts';
import type { ClientTransfers, OverSelected, RoundRecord, Traffic, TransferMarks } from './round-record.ts';
import type { Run } from './run.ts';

/**
 * What a crash may cost. `update`: an update answered `accepted` counts after it. `round`: nothing about a round is on
 * the disk until it commits, and a crash retries it.
 */
export type Durability = 'update' | 'round';

/** Where the bytes of an accepted update are, among the staged updates of its attempt. */
export interface UpdatePlace {
  /** Offset in the attempt's file. */
  at: number;
  bytes: number;
}

/** The phases in which an attempt at a round can be found. */
export type OpenPhase = 'selecting' | 'training' | 'aggregating' | 'committing';

/** The attempt that a client began to train in, and the version it began with. */
export interface TrainingStart {
  round: number;
  attempt: number;
  /** null: there was none. */
  base: number | null;
}

/** Where the machines stand: everything they decide from that is not read off the registry. */
export interface Position {
  state: 'idle' | 'awaitingModel' | 'opening' | 'round' | 'gathering' | 'judging' | 'paused' | 'finished' | 'stopped';
  sinceMs: number;
  deadlineAtMs: number | null;
  run: Omit<Run, 'run' | 'plan' | 'startedAtMs'> | null;
  /** Of the open round; its phase's own times. */
  round: {
    phase: OpenPhase;
    target: number;
    extensions: number;
    /** By how much operators moved its deadline, ms; left out when they did not. */
    extendedByMs?: number;
    sinceMs: number;
    deadlineAtMs: number;
  } | null;
}

/** Everything that the facts before it come to, so that a restart need not read them. */
export interface Checkpoint {
  clients: [clientId: string, state: Exclude<ClientState, 'unknown'>, profile: ClientProfile][];
  run: Run | null;
  position: Position;
  open: {
    record: RoundRecord;
    base: number | null;
    staged: (UpdatePlace | null)[];
    starts: [string, TrainingStart][];
    /** Clients that were out of it and may be chosen again; left out when there are none. */
    readmitted?: string[];
  } | null;
  /** Clients that went on from the last attempt and are in none yet. */
  carried: [string, TrainingStart | null][];
  rounds: RoundRecord[];
  models: ModelView[];
  /** Version that clients start from. */
  current: number | null;
  starts: number;
  durability: Durability;
  /** What operators did last, oldest first; left out by older versions. */
  audit?: AuditEntry[];
}

export type Fact =
  /** A process began to work on this folder. */
  | { type: 'server.started'; version: string; durability: Durability }
  | ({ type: 'client.registered'; clientId: string } & ClientProfile)
  /** It registered again under the id it had. @property evaluates whether it can evaluate now; left out: it cannot. */
  | { type: 'client.returned'; clientId: string; evaluates?: boolean }
  | { type: 'client.lost'; clientId: string; reason: 'left' | 'heartbeatTimeout' }
  | { type: 'client.evicted'; clientId: string }
  /** It was out of the open round and may be chosen for it again. */
  | { type: 'client.readmitted'; clientId: string }
  | { type: 'run.started'; run: string; plan: Plan }
  | { type: 'model.installed'; model: ModelInfo }
  /** The machines moved. */
  | { type: 'position'; position: Position }
  /**
   * @property base version that clients of this attempt start from, or evaluate.
   * @property kind left out: training.
   * @property overSelected left out: the plan says how many are selected.
   */
  | {
      type: 'round.opened';
      round: number;
      attempt: number;
      base: number | null;
      kind?: RoundKind;
      overSelected?: OverSelected;
    }
  | { type: 'clients.selected'; clientIds: readonly string[] }
  | { type: 'training.started'; clientId: string }
  /** @property staged null: its bytes are in memory only. */
  | {
      type: 'update.accepted';
      receipt: Receipt;
      metrics: Record<string, number>;
      staged: UpdatePlace | null;
      /** Versions made since the client began; left out when there was none. */
      staleness?: number;
      marks?: TransferMarks;
    }
  /** What a client measured. */
  | { type: 'result.accepted'; receipt: Receipt; metrics: Metrics }
  | { type: 'training.failed'; clientId: string; code: ErrorCode; marks?: TransferMarks }
  /** The open attempt may commit with fewer contributions. */
  | { type: 'quorum.lowered'; decision: QuorumDecision }
  /** The round takes no more updates: who had not reported is out of it. */
  | { type: 'clients.dismissed'; reason: 'straggler' | 'notNeeded' }
  /**
   * @property record with durability `round`: all that happened in it, told now for the first time.
   * @property members whose updates the model was made of, where that is not everyone's.
   * @property transfers of clients that did not report.
   */
  | {
      type: 'round.committed';
      model: ModelInfo;
      record: RoundRecord | null;
      members?: readonly string[];
      traffic?: Traffic;
      transfers?: readonly ClientTransfers[];
    }
  /** Clients have evaluated this version. @property record as with a commit. */
  | { type: 'round.evaluated'; version: number; record: RoundRecord | null }
  /** The server's own evaluator has. */
  | { type: 'model.judged'; version: number; metrics: Metrics }
  /** A version was to be evaluated, and was not; when clients had begun to, `round.abandoned` says so instead. */
  | { type: 'evaluation.missed'; version: number; by: Evaluator; reason: string }
  | { type: 'round.abandoned'; reason: AbandonReason; detail: string }
  /** An operator did something; what it led to comes after it. */
  | { type: 'operation'; entry: AuditEntry }
  | { type: 'checkpoint'; state: Checkpoint };

/** A fact in its place in the journal. */
export interface Entry {
  /** From 1, without gaps. */
  seq: number;
  atMs: number;
  fact: Fact;
}
