/** What the dashboard's own routes answer, beside those of `/v1`: the server writes it, the page reads it. */
import type { ErrorCode } from '../domain/errors.ts';
import type { ChorusEvent, ExclusionReason, RoundPhase, RoundRecord, Status, StrategyView } from '../domain/handle.ts';
import type { RoundStrategy } from '../domain/plan.ts';
import type { RoundKind } from '../domain/round.ts';
import type { Chart } from '../inspect/chart.ts';

/** Sent over `/dashboard/stream` a few times a second while something happens: how it stands, and what led there. */
export interface News {
  /** Names the process: event ids begin anew with each. */
  server: string;
  nowMs: number;
  status: Status;
  /** In order. */
  events: ChorusEvent[];
  /** Events happened before these that the reader was not sent: what it has gathered from events is incomplete. */
  missed: boolean;
}

/** One attempt at one round, without its clients: what charts and tables need. */
export interface RoundSummary {
  run: string;
  round: number;
  attempt: number;
  kind: RoundKind;
  /** null: an evaluation, or not recorded. */
  strategy: RoundStrategy | null;
  phase: RoundPhase;
  openedAtMs: number;
  trainingAtMs: number | null;
  aggregatingAtMs: number | null;
  endedAtMs: number | null;
  target: number;
  quorum: number;
  /** Clients selected. */
  cohort: number;
  contributions: number;
  /** Contributions that the model was made of, where the strategy did not take all; null: all, or there is no model. */
  used: number | null;
  /** Clients excluded, by reason. */
  exclusions: Partial<Record<ExclusionReason, number>>;
  modelVersion: number | null;
  reason: string | null;
  metrics: Record<string, number>;
  numExamples: number;
  /** Bytes of updates taken in and of models handed out; null: this server does not count them by round. */
  bytesIn: number | null;
  bytesOut: number | null;
}

export interface RoundSummaries {
  /** Newest first. */
  rounds: RoundSummary[];
}

/** What a client was to one attempt at a round. */
export interface ClientPart {
  run: string;
  round: number;
  attempt: number;
  kind: RoundKind;
  openedAtMs: number;
  atMs: number | null;
  outcome: 'accepted' | 'open' | ExclusionReason;
  /** Accepted, and then left out of the model by the strategy. */
  isUnused: boolean;
  code: ErrorCode | null;
  numExamples: number | null;
  metrics: Record<string, number>;
}

export interface ClientParts {
  /** Newest first. */
  parts: ClientPart[];
  /** How many attempts were looked through: the newest. */
  attemptsSearched: number;
}

export interface Charts {
  charts: Chart[];
  /** Whether `/dashboard/machines` tells each transition; else states are derived from the status. */
  isLive: boolean;
}

/** What the form of a plan offers. */
export interface Strategies {
  strategies: StrategyView[];
}

/** A round, whole. */
export type DetailedRound = RoundRecord;
