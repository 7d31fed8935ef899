/**
 * The contract between the coordinator and the aggregator service, in both directions. Everything is plain data or
 * shared memory, so that the service may live on another thread (default), inline, or, later, in another process.
 */

import type { ErrorCode, Refusal } from './errors.ts';
import type { UpdatePlace } from './facts.ts';
import type { ModelInfo, ModelSchema } from './model.ts';
import type { Receipt } from './participation.ts';
import type { RoundKind } from './round.ts';
import type { ClientTransfers, Traffic, TransferMarks } from './round-record.ts';
import type { StrategyChoice } from './strategy-choice.ts';

/** What the service must know of a round. */
export interface RoundOrder {
  run: string;
  round: number;
  attempt: number;
  /** `evaluation`: the model is handed out, and no update is taken. */
  kind: RoundKind;
  deadlineAtMs: number;
  uploadAttemptsMax: number;
  downloadsMax: number;
  payloadBytesMax: number;
  numExamplesMax: number;
  updateNormMax: number | null;
  updateKind: 'weights' | 'deltas';
  /** How long making the model may take, ms. */
  aggregationWindowMs: number;
  /** How its updates become the next model. @default FedAvg */
  strategy?: StrategyChoice;
  /** Contributions without which it is not committed. @default 1 */
  quorum?: number;
  /** Who trains when the round is closed goes on in the next one. @default false */
  keepsClients?: boolean;
  /** Version clients of this round start from; null: the first contributions define the model. */
  modelVersion: number | null;
}

/** Who may download and upload in the open round. */
export interface Credential {
  clientId: string;
  round: number;
  attempt: number;
  trainingToken: string;
  /** It was out of the round, and is in again with the token it had. */
  isReadmitted?: boolean;
  /** Its round is over, and it trains on for the next one, which is not open yet. */
  goesOn?: boolean;
}

/** What an attempt already has when the service opens it again, after a crash of the process or of the service alone. */
export interface Recovered {
  /** Of everyone who may still download or upload, and of everyone whose update was accepted. */
  credentials: readonly Credential[];
  /** In the order of their acceptance, which is the order of their sum. Each is staged. */
  contributions: readonly { receipt: Receipt; staged: UpdatePlace; weightFactor?: number }[];
}

/** The model a round made, in shared memory, not yet committed. */
export interface Aggregate {
  bytes: SharedArrayBuffer;
  sha256: string;
  schema: ModelSchema;
  /** What the strategy keeps for the next round: it counts from the commit of this model on. */
  state?: { bytes: SharedArrayBuffer; sha256: string } | null;
  /** Whose updates it was made of, where that is not everyone's. */
  members?: readonly string[] | null;
  /** Of the round that made it; left out for one that no round made. */
  traffic?: Traffic;
  /** Of clients of that round that did not report, as far as they came; of a bounded number. */
  transfers?: readonly ClientTransfers[];
}

/** A model the coordinator committed and the service shall serve. */
export interface PublishedModel {
  info: ModelInfo;
  bytes: SharedArrayBuffer;
  /** What the strategy kept when it was made. @default nothing */
  state?: SharedArrayBuffer | null;
}

export type ServiceAnswer<T> = { kind: 'ok'; value: T } | Refusal;

/** The service, seen by the coordinator. No method throws: failures come back as refusals, for classes do not cross threads. */
export interface AggregatorService {
  /** Opens the HTTP listener; port 0 picks a free one. */
  listen(options: { host: string; port: number }): Promise<ServiceAnswer<{ url: string }>>;
  /**
   * Opens an attempt at a round. With `recovered`, the staged updates are read back, held against their receipts and
   * summed in their order before it settles; it is refused with STAGED_UPDATES_LOST when one is not what was accepted.
   */
  openRound(order: RoundOrder, recovered: Recovered | null): Promise<ServiceAnswer<null>>;
  admit(credential: Credential): Promise<ServiceAnswer<null>>;
  /** Tokens of rounds that are over, given out by an earlier life of the service: known, and good for nothing. */
  recall(credentials: readonly Credential[], payloadBytesMax: number): Promise<ServiceAnswer<null>>;
  /** The client's token dies; an upload of it that is under way hears UPDATE_DISCARDED. */
  revoke(clientId: string): Promise<ServiceAnswer<null>>;
  /** Sums exactly these contributions, in this order, and nothing else; refuses when one is not at hand. */
  closeRound(request: {
    round: number;
    attempt: number;
    contributions: readonly string[];
  }): Promise<ServiceAnswer<Aggregate>>;
  /** Clears every partial sum and token of the round. Idempotent. */
  abandonRound(): Promise<ServiceAnswer<null>>;
  /** The round is committed: its staged updates are not needed any more. Idempotent. */
  releaseUpdates(): Promise<ServiceAnswer<null>>;
  /** From now on this model is served; fixes the schema of the run. null: the run starts without one. */
  publish(model: PublishedModel | null): Promise<ServiceAnswer<null>>;
  /** Checks bytes of an initial model. */
  checkModel(bytes: SharedArrayBuffer): Promise<ServiceAnswer<Aggregate>>;
  /** No new uploads; settles when those under way are answered or the grace is over. */
  drain(graceMs: number): Promise<ServiceAnswer<null>>;
  close(): Promise<ServiceAnswer<null>>;
}

/** What an update takes of the memory for updates, and how much of that there is. */
export interface Held {
  updateBytes: number;
  stagingBytesMax: number;
}

/** How a client's training ended, reported by the service to the coordinator. */
export interface TrainingReport {
  clientId: string;
  round: number;
  attempt: number;
  /** Left out when nothing of it is known any more: the service was restarted. */
  marks?: TransferMarks;
  outcome:
    | {
        kind: 'valid';
        receipt: Receipt;
        metrics: Record<string, number>;
        /** Where its bytes outlive a crash; null when they do not. */
        staged: UpdatePlace | null;
        /** Left out when it is staged. */
        held?: Held;
      }
    | { kind: 'failed'; code: ErrorCode };
}

/**
 * `accepted`: it is a contribution and must be summed, with its weight times `weightFactor`, 0 < factor ≤ 1 (1 when left out). `discarded`: fine, but not needed; it must not be.
 * `refused`: it could not be recorded, and nothing has changed: the client may upload it again.
 */
export type Verdict = { kind: 'accepted'; weightFactor?: number } | { kind: 'discarded'; detail: string } | Refusal;

/** The coordinator, seen by the service. */
export interface AggregatorCallbacks {
  /** Settles the client before it answers, so that its next heartbeat never shows the old state. */
  endTraining(report: TrainingReport): Verdict | Promise<Verdict>;
  /** A refused upload that left the client in training; for metrics and events only. */
  uploadRefused(report: { clientId: string; round: number; code: ErrorCode }): void;
}

/**
 * The service, seen by its own HTTP layer. Every refusal is a `ChorusError`.
 * The order is fixed: `beginUpload` decides from the headers alone, before a byte of the body is taken.
 */
export interface UploadGate {
  /** The credential for this token, checked in constant time. @throws TRAINING_TOKEN_INVALID, TRAINING_TOKEN_MISMATCH, UPDATE_DISCARDED */
  beginDownload(request: { round: number; trainingToken: string }): PublishedModel | null;
  beginUpload(request: UploadRequest): Upload;
  /** What a token is for, also after its round; for APIs whose requests do not name the round. @throws TRAINING_TOKEN_INVALID, TRAINING_TOKEN_MISMATCH */
  recognise(request: { clientId: string; trainingToken: string }): {
    round: number;
    isOpen: boolean;
    payloadBytesMax: number;
  };
  /** The model of the run, or null before the first; without a token, so not for clients of the open round. */
  currentModel(): PublishedModel | null;
  stats(): AggregationStats;
}

/** Numbers for Prometheus; cheap to read. */
export interface AggregationStats {
  uploadsInFlight: number;
  /** Uploads that wait for staging memory. */
  uploadsWaiting: number;
  stagedBytes: number;
  stagingBytesMax: number;
  bytesReceivedTotal: number;
  bytesServedTotal: number;
  /** Sums and finishes of models, and how long they took in all. */
  foldTasksTotal: number;
  foldMsTotal: number;
}

export interface UploadRequest {
  round: number;
  clientId: string;
  trainingToken: string;
  /** Declared length, or null for a chunked body. */
  contentLength: number | null;
  /** Lets `num_examples` be 0: for clients of APIs that do not say how many. @default false */
  allowZeroExamples?: boolean;
}

/** One upload under way. Exactly one of `finish` and `abort` ends it and gives its memory back. */
export interface Upload {
  /**
   * Settles when there is memory for it; nothing is written before. Waits for a while when there is none.
   * @throws STAGING_FULL, UPDATE_DISCARDED
   */
  ready(): Promise<void>;
  /** Takes the next piece; the bytes are copied before it returns. @throws PAYLOAD_TOO_LARGE, STAGING_FULL, UPDATE_DISCARDED */
  write(chunk: Uint8Array): void;
  /**
   * Where the next bytes go, at most `bytesMax`, for a reader that puts them there itself and then calls `filled`; null
   * when they must be given to `write`.
   */
  rest(bytesMax: number): Uint8Array<SharedArrayBuffer> | null;
  filled(bytes: number): void;
  /** Aborted when the upload is no longer wanted (round over, client revoked), with a ChorusError as reason. */
  readonly signal: AbortSignal;
  /** Checks, settles with the coordinator, and only then answers. @throws any refusal of the contract */
  finish(): Promise<Receipt>;
  /** The body was cut off. Does not count as a refused attempt. */
  abort(): void;
}
