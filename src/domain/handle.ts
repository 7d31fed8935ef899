/**
 * The contract between the protocol and everything outside it: HTTP, the command line's server, embedders and tests
 * see a {@link CoordinatorHandle} and nothing behind it.
 */
import type { ClientCounts, ClientProfile, ClientState, ClientView } from './client.ts';
import type { ErrorCode } from './errors.ts';
import type { Metrics } from './metrics.ts';
import type { ModelBlob, ModelInfo, ModelView } from './model.ts';
import type { AuditLog, Operation, Origin, QuorumDecision } from './operations.ts';
import type { Plan } from './plan.ts';
import type { RoundKind } from './round.ts';
import type { SelectionExplanation } from './selection-reason.ts';

export interface Registration {
  clientId: string;
  /** Proves that a later call comes from this client. Secret. */
  clientToken: string;
  heartbeatIntervalMs: number;
  heartbeatTimeoutMs: number;
}

/** What a client is told it is: `standby` also covers done and ignored. */
export type ClientStanding = 'standby' | 'selected' | 'training' | 'finished';

export interface Heartbeat {
  state: ClientStanding;
  /** Id of the current run, or null before the first. */
  run: string | null;
  /** Open or last round, from 1; 0 before the first. */
  round: number;
  /** When to send the next heartbeat, spread so that a herd does not arrive at once. */
  retryAfterMs: number;
}

export interface HeartbeatWait {
  /** How long to hold the answer while nothing changes, ms. */
  waitMs: number;
  /** What the client last heard; anything else is answered at once. Without it: the state at arrival. */
  known?: { state: ClientStanding; round: number };
  /** Aborted when the caller is gone. */
  signal?: AbortSignal;
}

export interface TrainingTicket {
  run: string;
  /** The open round; of an evaluation, the round that made the model. */
  round: number;
  /** What is to be done with the model. `evaluate` is asked only of clients that said they can. */
  task: 'train' | 'evaluate';
  /** Origin of the aggregator, e.g. `http://127.0.0.1:8082`; null while it does not listen. */
  aggregatorUrl: string | null;
  /** Secret; for this client, this round and this attempt only. */
  trainingToken: string;
  /** null: the run has no model yet, and this round's updates define it. */
  modelVersion: number | null;
  hyperparameters: Readonly<Record<string, number | string | boolean>>;
  deadlineAtMs: number;
  /** W3C Trace Context of this client's work, for whoever traces it further; left out when the server traces nothing. */
  traceparent?: string;
}

/** Proof of what was accepted. */
export interface Receipt {
  round: number;
  clientId: string;
  /** Hex digest of the bytes received. */
  sha256: string;
  numExamples: number;
}

/** What a client measured of a model. */
export interface EvaluationResult {
  /** Of the ticket. */
  round: number;
  /** How many examples it measured on: its weight in the means. A whole number from 1. */
  numExamples: number;
  /** Finite numbers by name, at most 64. */
  metrics: Metrics;
}

export type RunState = 'idle' | 'awaitingModel' | 'running' | 'pausing' | 'paused' | 'finished' | 'stopped';
export type RoundPhase =
  | 'selecting'
  | 'training'
  | 'aggregating'
  | 'committing'
  | 'committed'
  | 'evaluated'
  | 'abandoned';
/**
 * `opening`: the aggregator is being readied for the next round; `gathering`: too few clients to open a round;
 * `judging`: the server's own evaluator is at work.
 */
export type Phase = RunState | RoundPhase | 'opening' | 'gathering' | 'judging' | 'draining';

/** The answer to "why is this round waiting?". */
export interface WaitingFor {
  phase: Phase;
  /** One sentence for people: what is missing, from whom, and what happens next and when. */
  summary: string;
  sinceMs: number;
  /** The condition that ends the wait, e.g. `contributions`, with where it stands and where it must get. */
  guard: { name: string; have: number; need: number } | null;
  /** Ids of clients waited for; the first 20, with the full number beside them. */
  clients: string[];
  clientsTotal: number;
  /** When the wait is given up, Unix ms; null for states that wait for an operator or for clients to come. */
  deadlineAtMs: number | null;
  /** What happens at the deadline. */
  next: string;
}

export interface RunView {
  run: string;
  state: RunState;
  plan: Plan;
  startedAtMs: number;
  endedAtMs: number | null;
  roundsCommitted: number;
  /** The best version so far, by the plan's `stopMetric`; null: there is none, or no metric to go by. */
  bestVersion: number | null;
  /** Why it is paused or stopped, or finished early. */
  reason: string | null;
}

export interface Status {
  run: string | null;
  runState: RunState;
  round: number;
  roundsTotal: number;
  attempt: number;
  /** What the attempt is for; null: none is open. */
  kind: RoundKind | null;
  phase: Phase;
  modelVersion: number | null;
  population: number;
  counts: ClientCounts;
  contributions: number;
  /** What the round would like to have, and the least it needs; null when no round is open. */
  target: number | null;
  quorum: number | null;
  waitingFor: WaitingFor;
  aggregator: string;
  uptimeMs: number;
}

export interface Contribution extends Receipt {
  /** Versions made since the model that the client began with; left out when there was none. */
  staleness?: number;
  acceptedAtMs: number;
  metrics: Record<string, number>;
}

export const exclusionReasons = [
  'heartbeatTimeout',
  'left',
  'reregistered',
  'evicted',
  'uploadsRefused',
  'straggler',
  'notNeeded',
  'stale',
  'roundAbandoned',
] as const;
export type ExclusionReason = (typeof exclusionReasons)[number];

export interface Exclusion {
  clientId: string;
  reason: ExclusionReason;
  /** The last refusal the client was given, when uploads were refused. */
  code?: ErrorCode;
  atMs: number;
}

/** How many are selected for cohortSize contributions, by what past rounds say. */
export interface OverSelected {
  selected: number;
  /** Why so many, for people. */
  summary: string;
}

/** When a client came to each step of an attempt, Unix ms; null: not, or not yet. */
export interface ClientMarks {
  clientId: string;
  selectedAtMs: number;
  startedAtMs: number | null;
  /**
   * When it began to download the model, and to upload its update; known once its training has ended, and of a client
   * that was lost once the round is committed.
   */
  downloadedAtMs: number | null;
  uploadingAtMs: number | null;
}

/** Bytes of uploads taken in, whether they counted or not, and of models handed out. */
export interface Traffic {
  bytesIn: number;
  bytesOut: number;
}

/** When a client began to download and to upload, Unix ms. */
export type TransferMarks = Pick<ClientMarks, 'downloadedAtMs' | 'uploadingAtMs'>;
export type ClientTransfers = TransferMarks & Pick<ClientMarks, 'clientId'>;

/** One attempt at one round, or at the evaluation of its model, as kept in the history. */
export interface RoundRecord {
  run: string;
  /** Of an evaluation: that made the model. */
  round: number;
  /** Counts the attempts of both kinds. */
  attempt: number;
  kind: RoundKind;
  phase: RoundPhase;
  openedAtMs: number;
  trainingAtMs: number | null;
  aggregatingAtMs: number | null;
  endedAtMs: number | null;
  deadlineAtMs: number | null;
  target: number;
  quorum: number;
  /** How operators lowered the quorum of this attempt, in order; left out when they did not. */
  quorumLowered?: QuorumDecision[];
  /** With overSelectionAdaptive. */
  overSelected?: OverSelected;
  cohort: string[];
  contributions: Contribution[];
  /** Whose updates the model was made of, where the strategy did not take everyone's; else left out. */
  members?: string[];
  exclusions: Exclusion[];
  /** Version committed, or evaluated; null: none. */
  modelVersion: number | null;
  /** Why it was abandoned, or null. */
  reason: string | null;
  /** Means of the contributions' metrics, weighted by numExamples. */
  metrics: Record<string, number>;
  numExamples: number;
  /** Of the first 1,000 of the cohort; left out before there is one. */
  marks?: ClientMarks[];
  /** Bytes of uploads taken in and of models handed out; left out until it is committed. */
  bytesIn?: number;
  bytesOut?: number;
}

/** A fact in words. */
export interface HistoryEntry {
  seq: number;
  atMs: number;
  type: string;
  sentence: string;
}

export interface HistoryQuery {
  /** 1 to 1,000. @default 200 */
  limit?: number;
  /** Only what came before this one. */
  before?: number;
}

export interface HistoryPage {
  /** The oldest and the newest that are kept; both 0 when there are none. */
  firstSeq: number;
  lastSeq: number;
  /** Whether all are kept, on the disk; else the last ones, until the process ends. */
  onDisk: boolean;
  /** In order. */
  entries: HistoryEntry[];
}

/** How things stood right after a fact. */
export interface PastMoment {
  status: Status;
  /** Attempts at rounds as they were then, newest first: at most 300. */
  rounds: RoundRecord[];
}

export interface OperationAnswer {
  dryRun: boolean;
  /** What happens, or would, a sentence each. */
  sentences: string[];
  before: Partial<Status>;
  after: Partial<Status>;
}

export interface ClientQuery {
  state?: Exclude<ClientState, 'unknown'>;
  /** 1 to 1,000. @default 100 */
  limit?: number;
  cursor?: string;
}

export interface ClientPage {
  clients: ClientView[];
  /** Give it back to go on; null at the end. */
  cursor: string | null;
}

/** Something that happened, in order. `id` rises by one with each event of this process. */
export interface ChorusEvent {
  id: number;
  atMs: number;
  type: string;
  data: Record<string, unknown>;
}

export interface EventFeed {
  /**
   * Calls `listener` for each event from now on, after handing it those after `afterId` that are still kept.
   * @returns a function that ends the subscription.
   */
  subscribe(listener: (event: ChorusEvent) => void, options?: { afterId?: number }): () => void;
}

/** Numbers for Prometheus; cheap to read. */
export interface MetricsSnapshot {
  counts: ClientCounts;
  population: number;
  round: number;
  modelVersion: number | null;
  runState: RunState;
  phase: Phase;
  heartbeatsTotal: number;
  registrationsTotal: number;
  expiredTotal: number;
  roundsCommittedTotal: number;
  roundsAbandonedTotal: number;
  /** By clients and by the server's own evaluator. */
  evaluationsTotal: Record<'done' | 'failed', number>;
  /** By verdict: accepted, discarded, refused. */
  updatesTotal: Record<'accepted' | 'discarded' | 'refused', number>;
  aggregatorRestartsTotal: number;
  longPollsHeld: number;
  journal: JournalNumbers;
}

export interface JournalNumbers {
  /** Facts of this process, those that wait for the disk included. */
  factsTotal: number;
  /** Facts that wait for the disk. */
  backlog: number;
  /** How often something waited for a sync, and how long in all. */
  syncsTotal: number;
  syncMsTotal: number;
}

/**
 * What the outside may ask of the coordinator. Refusals are thrown as `ChorusError` with a code of the catalogue.
 * Calls that need nothing from elsewhere answer at once; the others return promises that always settle.
 */
export interface CoordinatorHandle {
  /**
   * Registers a client, or registers it again: with the `clientId` it had, a client that restarted keeps its identity
   * and is out of the open round. @throws CLIENT_UNKNOWN, REGISTRY_FULL, SHUTTING_DOWN
   */
  rendezvous(request?: ClientProfile & { clientId?: string }): Registration;
  /** Whether `token` is the client's; compared in constant time. @throws CLIENT_UNKNOWN */
  authenticate(clientId: string, token: string): boolean;
  /** @throws CLIENT_UNKNOWN: register again. */
  heartbeat(clientId: string): Heartbeat;
  /** Like `heartbeat`, but held until there is news or the wait is over. One held call per client: a newer one ends it. */
  waitHeartbeat(clientId: string, wait: HeartbeatWait): Promise<Heartbeat>;
  /** @throws CLIENT_UNKNOWN, CLIENT_NOT_SELECTED, AGGREGATOR_UNAVAILABLE */
  startTraining(clientId: string): Promise<TrainingTicket>;
  /**
   * Takes in what a client measured of the model. The same result again has the same receipt, whose digest is that of
   * the result as JSON: `numExamples`, then `metrics` with its names in order.
   * @throws CLIENT_UNKNOWN, EVALUATION_DISCARDED, EVALUATION_CONFLICT, NUM_EXAMPLES_INVALID, METRICS_INVALID, …
   */
  reportEvaluation(clientId: string, result: EvaluationResult): Promise<Receipt>;
  /** @throws CLIENT_UNKNOWN */
  leave(clientId: string): void;
  /** Takes a client out of the open round; it may join the next. @throws CLIENT_UNKNOWN */
  evict(clientId: string): void;

  status(): Status;
  /** The attempts at rounds, newest first. @param limit 1 to 1,000. */
  rounds(limit?: number): RoundRecord[];
  /** The newest attempt at this round of the current run. @param kind @default 'training' @throws ROUND_UNKNOWN */
  round(round: number, kind?: RoundKind): RoundRecord;
  /**
   * Why a client was chosen for the newest attempt at this round of the current run, or was not. Reasons are kept for the
   * open and the last few attempts of this process. @throws ROUND_UNKNOWN, CLIENT_UNKNOWN
   */
  selection(round: number, clientId: string): SelectionExplanation;
  clients(query?: ClientQuery): ClientPage;
  /** @throws CLIENT_UNKNOWN */
  client(clientId: string): ClientView;
  models(): ModelView[];
  /** @throws MODEL_UNKNOWN */
  openModel(version: number | 'latest'): Promise<ModelBlob>;

  /**
   * @param plan settings by name; what is left out comes from the server's settings. @param origin who asks.
   * @throws RUN_ACTIVE, PLAN_INVALID
   */
  startRun(plan?: Readonly<Record<string, unknown>>, origin?: Origin): RunView;
  /** Installs the initial model of the current run. @throws RUN_UNKNOWN, MODEL_NOT_ACCEPTED, MALFORMED_SAFETENSORS, … */
  installModel(run: string, bytes: Uint8Array): Promise<ModelInfo>;
  /** Lets an open round end, then opens no more. @throws RUN_STATE */
  pauseRun(origin?: Origin): Status;
  /** @throws RUN_STATE */
  resumeRun(origin?: Origin): Status;
  /** Abandons the open round and ends the run. @throws RUN_STATE */
  stopRun(origin?: Origin): Status;
  /**
   * Does what an operator asks for, and writes it down; or, as a dry run, only tells what would happen now.
   * @throws RUN_STATE, OPERATION_INAPPLICABLE, CLIENT_UNKNOWN, CLIENT_NOT_SELECTED
   */
  operate(operation: Operation, options: { dryRun: boolean; origin?: Origin }): OperationAnswer;
  /** What operators did, newest first. @param limit 1 to 1,000. */
  audit(limit?: number): AuditLog;
  run(): RunView | null;

  /** What happened, in words; the last of it, if not told otherwise. @throws RATE_LIMITED */
  history(query?: HistoryQuery): Promise<HistoryPage>;
  /** @throws MOMENT_UNKNOWN, RATE_LIMITED */
  moment(seq: number): Promise<PastMoment>;

  readonly events: EventFeed;
  metrics(): MetricsSnapshot;
}
