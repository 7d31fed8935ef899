/**
 * The contract between the protocol and everything outside it: HTTP, the command line's server, embedders and tests
 * see a {@link CoordinatorHandle} and nothing behind it. All that it speaks of can be had from here.
 */
import type { ClientProfile, ClientState, ClientView } from './client.ts';
import type { MetricsSnapshot } from './metrics-snapshot.ts';
import type { ModelBlob, ModelInfo, ModelView } from './model.ts';
import type { AuditLog, Operation, Origin } from './operations.ts';
import type {
  EvaluationResult,
  Heartbeat,
  HeartbeatWait,
  Receipt,
  Registration,
  TrainingTicket,
} from './participation.ts';
import type { HistoryPage, HistoryQuery, PastMoment } from './past.ts';
import type { RoundKind } from './round.ts';
import type { RoundRecord } from './round-record.ts';
import type { SelectionExplanation } from './selection-reason.ts';
import type { RunView, Status } from './status.ts';
import type { StrategyView } from './strategy-choice.ts';

export type { MetricsSnapshot } from './metrics-snapshot.ts';
export type {
  ClientStanding,
  EvaluationResult,
  Heartbeat,
  HeartbeatWait,
  Receipt,
  Registration,
  TrainingTicket,
} from './participation.ts';
export type { HistoryEntry, HistoryPage, HistoryQuery, PastMoment } from './past.ts';
export type {
  ClientMarks,
  ClientTransfers,
  Contribution,
  Exclusion,
  ExclusionReason,
  RoundPhase,
  RoundRecord,
  Traffic,
  TransferMarks,
} from './round-record.ts';
export { exclusionReasons } from './round-record.ts';
export type { Phase, RunState, RunView, Status, WaitingFor } from './status.ts';
export type { StrategyView } from './strategy-choice.ts';

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
  /** @throws CLIENT_UNKNOWN, SHUTTING_DOWN */
  leave(clientId: string): void;
  /** Takes a client out of the open round; it may join the next. @throws CLIENT_UNKNOWN, CLIENT_NOT_SELECTED, SHUTTING_DOWN */
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
  /** Ours, and those that the server was given. */
  strategies(): StrategyView[];
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
