/**
 * What happened, as it is written to the journal: enough to come back to the same state after a crash, and to show any
 * past moment. Weights are never among them, nor any secret.
 */
import type { ClientProfile, ClientState } from './client.ts';
import type { ErrorCode } from './errors.ts';
import type { OverSelected, Receipt, RoundRecord } from './handle.ts';
import type { ModelInfo } from './model.ts';
import type { Plan } from './plan.ts';
import type { AbandonReason } from './round.ts';
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
  state: 'idle' | 'awaitingModel' | 'opening' | 'round' | 'gathering' | 'paused' | 'finished' | 'stopped';
  sinceMs: number;
  deadlineAtMs: number | null;
  run: Omit<Run, 'run' | 'plan' | 'startedAtMs'> | null;
  /** Of the open round; its phase's own times. */
  round: { phase: OpenPhase; target: number; extensions: number; sinceMs: number; deadlineAtMs: number } | null;
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
  } | null;
  /** Clients that went on from the last attempt and are in none yet. */
  carried: [string, TrainingStart | null][];
  rounds: RoundRecord[];
  models: ModelInfo[];
  /** Version that clients start from. */
  current: number | null;
  starts: number;
  durability: Durability;
}

export type Fact =
  /** A process began to work on this folder. */
  | { type: 'server.started'; version: string; durability: Durability }
  | ({ type: 'client.registered'; clientId: string } & ClientProfile)
  /** It registered again under the id it had. */
  | { type: 'client.returned'; clientId: string }
  | { type: 'client.lost'; clientId: string; reason: 'left' | 'heartbeatTimeout' }
  | { type: 'client.evicted'; clientId: string }
  | { type: 'run.started'; run: string; plan: Plan }
  | { type: 'model.installed'; model: ModelInfo }
  /** The machines moved. */
  | { type: 'position'; position: Position }
  /**
   * @property base version that clients of this attempt start from.
   * @property overSelected left out: the plan says how many are selected.
   */
  | { type: 'round.opened'; round: number; attempt: number; base: number | null; overSelected?: OverSelected }
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
    }
  | { type: 'training.failed'; clientId: string; code: ErrorCode }
  /** The round takes no more updates: who had not reported is out of it. */
  | { type: 'clients.dismissed'; reason: 'straggler' | 'notNeeded' }
  /** @property record with durability `round`: all that happened in it, told now for the first time. */
  | { type: 'round.committed'; model: ModelInfo; record: RoundRecord | null }
  | { type: 'round.abandoned'; reason: AbandonReason; detail: string }
  | { type: 'checkpoint'; state: Checkpoint };

/** A fact in its place in the journal. */
export interface Entry {
  /** From 1, without gaps. */
  seq: number;
  atMs: number;
  fact: Fact;
}
