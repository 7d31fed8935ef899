import type { ErrorCode } from '../domain/errors.ts';
import type { Checkpoint, Position, TrainingStart, UpdatePlace } from '../domain/facts.ts';
import type { QuorumDecision } from '../domain/operations.ts';
import type { Receipt } from '../domain/participation.ts';
import { type Plan, strategyInRound } from '../domain/plan.ts';
import { quorumFor, type RoundKind, type RoundOutcome } from '../domain/round.ts';
import type {
  ClientMarks,
  Contribution,
  ExclusionReason,
  OverSelected,
  RoundRecord,
  TransferMarks,
} from '../domain/round-record.ts';
import type { Run } from '../domain/run.ts';

/** An accepted update that outlives a crash. */
export interface StagedContribution {
  receipt: Receipt;
  staged: UpdatePlace;
  staleness: number;
}

type RoundPosition = NonNullable<Position['round']>;

interface OpenedRound {
  round: number;
  attempt: number;
  base: number | null;
  kind?: RoundKind;
  overSelected?: OverSelected;
}

/** Clients of an attempt whose steps are kept. */
const marksMax = 1_000;

/** What happened in one attempt at a round: the cohort, who contributed, who was excluded and why. */
export class RoundLedger {
  readonly record: RoundRecord;
  /** Version that its clients started from; null: none. */
  readonly base: number | null;
  /** Where the contributions' bytes are, in the order of the contributions. */
  readonly #staged: (UpdatePlace | null)[];
  /** Where its clients began to train: here, or, buffered, in an earlier one. */
  readonly starts: Map<string, TrainingStart>;
  /** Clients that were out of it and may be chosen again, or were. */
  readonly readmitted: Set<string>;
  readonly #marks: Map<string, ClientMarks>;

  private constructor({ record, base, staged, starts, readmitted }: NonNullable<Checkpoint['open']>) {
    this.record = record;
    this.base = base;
    this.#staged = staged;
    this.starts = new Map(starts);
    this.readmitted = new Set(readmitted);
    this.#marks = new Map(record.marks?.map((one) => [one.clientId, one]));
  }

  /** An attempt as a checkpoint has it. */
  static restore(open: NonNullable<Checkpoint['open']>): RoundLedger {
    return new RoundLedger({ ...open, staged: [...open.staged] });
  }

  static open(
    { run, plan }: Run,
    { round, attempt, base, kind = 'training', overSelected }: OpenedRound,
    atMs: number,
  ): RoundLedger {
    const record: RoundRecord = {
      run,
      round,
      attempt,
      kind,
      ...(kind === 'training' ? { strategy: strategyInRound(plan) } : {}),
      phase: 'selecting',
      openedAtMs: atMs,
      trainingAtMs: null,
      aggregatingAtMs: null,
      endedAtMs: null,
      deadlineAtMs: null,
      target: 0,
      quorum: quorumFor(plan, kind === 'training' ? null : base, 0),
      ...(overSelected === undefined ? {} : { overSelected }),
      cohort: [],
      contributions: [],
      exclusions: [],
      modelVersion: null,
      reason: null,
      metrics: {},
      numExamples: 0,
    };
    return new RoundLedger({ record, base, staged: [], starts: [] });
  }

  toCheckpoint(): NonNullable<Checkpoint['open']> {
    return {
      record: this.record,
      base: this.base,
      staged: this.#staged,
      starts: [...this.starts],
      ...(this.readmitted.size > 0 ? { readmitted: [...this.readmitted] } : {}),
    };
  }

  /** Version that its clients evaluate; null: they train. */
  get evaluates(): number | null {
    return this.record.kind === 'evaluation' ? this.base : null;
  }

  /**
   * The contributions with their staged bytes, in order; null when one of them is in memory only. Of an evaluation there
   * are none: its results are facts themselves.
   */
  get staged(): StagedContribution[] | null {
    if (this.record.kind === 'evaluation') return [];
    const staged: StagedContribution[] = [];
    for (const [index, contribution] of this.record.contributions.entries()) {
      const { round, clientId, sha256, numExamples, staleness = 0 } = contribution;
      const place = this.#staged[index];
      if (!place) return null;
      staged.push({ receipt: { round, clientId, sha256, numExamples }, staged: place, staleness });
    }
    return staged;
  }

  /** A client begins to train; asked again, it began when it did. */
  start(clientId: string, atMs: number): void {
    const { round, attempt } = this.record;
    if (this.starts.has(clientId)) return;
    this.starts.set(clientId, { round, attempt, base: this.base });
    this.#mark(clientId, { startedAtMs: atMs });
  }

  /** Its training has ended: what the aggregator knows of it. */
  transferred(clientId: string, marks: TransferMarks | undefined): void {
    if (marks) this.#mark(clientId, marks);
  }

  #mark(clientId: string, marks: Partial<ClientMarks>): void {
    const known = this.#marks.get(clientId);
    if (known) Object.assign(known, marks);
  }

  #beginMarks(clientId: string, selectedAtMs: number): void {
    const fresh = { selectedAtMs, startedAtMs: null, downloadedAtMs: null, uploadingAtMs: null };
    if (this.#marks.has(clientId)) this.#mark(clientId, fresh);
    else if (this.#marks.size < marksMax) {
      const marks = { clientId, ...fresh };
      this.#marks.set(clientId, marks);
      this.record.marks ??= [];
      this.record.marks.push(marks);
    }
  }

  select(clientIds: readonly string[], atMs: number): void {
    for (const clientId of clientIds) {
      // Who was let in again is in the cohort once, and not out of it any more.
      if (this.readmitted.has(clientId) && this.record.cohort.includes(clientId)) this.#takeBack(clientId);
      else this.record.cohort.push(clientId);
      this.#beginMarks(clientId, atMs);
    }
  }

  #takeBack(clientId: string): void {
    const { record } = this;
    record.exclusions = record.exclusions.filter((one) => one.clientId !== clientId);
    this.starts.delete(clientId);
  }

  hasContributionOf(clientId: string): boolean {
    return this.record.contributions.some((one) => one.clientId === clientId);
  }

  /** What operators lowered the quorum to; null: it is that of the plan. */
  get loweredQuorum(): number | null {
    return this.record.quorumLowered?.at(-1)?.to ?? null;
  }

  lowerQuorum(decision: QuorumDecision): void {
    this.record.quorum = decision.to;
    this.record.quorumLowered = [...(this.record.quorumLowered ?? []), decision];
  }

  accept(contribution: Contribution, staged: UpdatePlace | null): void {
    this.record.contributions.push(contribution);
    this.record.numExamples += contribution.numExamples;
    this.#staged.push(staged);
  }

  exclude(clientId: string, reason: ExclusionReason, atMs: number, code?: ErrorCode): void {
    this.record.exclusions.push({ clientId, reason, atMs, ...(code === undefined ? {} : { code }) });
  }

  enterPhase(plan: Plan, { phase, sinceMs: atMs, deadlineAtMs, target }: RoundPosition): void {
    if (phase === 'training') this.record.trainingAtMs ??= atMs;
    if (phase === 'aggregating') this.record.aggregatingAtMs ??= atMs;
    const quorum = this.loweredQuorum ?? quorumFor(plan, this.evaluates, target);
    Object.assign(this.record, { phase, deadlineAtMs, target, quorum });
  }
}

/** Writes into the record how the attempt ended. */
export function conclude(record: RoundRecord, outcome: RoundOutcome, atMs: number): void {
  record.phase = outcome.kind;
  record.endedAtMs = atMs;
  record.deadlineAtMs = null;
  if (outcome.kind === 'abandoned') record.reason = `${outcome.reason}: ${outcome.detail}`;
  else record.modelVersion = outcome.modelVersion;
  record.metrics = weightedMetrics(record.contributions);
}

/**
 * Means of the metrics that every contribution reports, weighted by numExamples (plain means when all weights are 0).
 * A metric that some left out would be a mean over other clients, so it is left out too.
 */
export function weightedMetrics(contributions: readonly Contribution[]): Record<string, number> {
  const [first] = contributions;
  if (!first) return {};
  const total = contributions.reduce((sum, { numExamples }) => sum + numExamples, 0);
  const weightOf = ({ numExamples }: Contribution) => (total > 0 ? numExamples / total : 1 / contributions.length);
  const shared = Object.keys(first.metrics).filter((name) => contributions.every(({ metrics }) => name in metrics));
  return Object.fromEntries(
    shared.map((name) => [
      name,
      contributions.reduce((sum, contribution) => sum + weightOf(contribution) * (contribution.metrics[name] ?? 0), 0),
    ]),
  );
}
