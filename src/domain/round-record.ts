import type { ErrorCode } from './errors.ts';
import type { QuorumDecision } from './operations.ts';
import type { Receipt } from './participation.ts';
import type { RoundStrategy } from './plan.ts';
import type { RoundKind } from './round.ts';

export type RoundPhase =
  | 'selecting'
  | 'training'
  | 'aggregating'
  | 'committing'
  | 'committed'
  | 'evaluated'
  | 'abandoned';

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

/** When a client began to download and to upload, Unix ms. */
export type TransferMarks = Pick<ClientMarks, 'downloadedAtMs' | 'uploadingAtMs'>;
export type ClientTransfers = TransferMarks & Pick<ClientMarks, 'clientId'>;

/** Bytes of uploads taken in, whether they counted or not, and of models handed out. */
export interface Traffic {
  bytesIn: number;
  bytesOut: number;
}

/** One attempt at one round, or at the evaluation of its model, as kept in the history. */
export interface RoundRecord {
  run: string;
  /** Of an evaluation: that made the model. */
  round: number;
  /** Counts the attempts of both kinds. */
  attempt: number;
  kind: RoundKind;
  /** How its updates become a model; left out of evaluations, and of attempts of versions that did not record it. */
  strategy?: RoundStrategy;
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
