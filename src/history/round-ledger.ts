import type { ErrorCode } from '../domain/errors.ts';
import type { Checkpoint, OpenPhase, TrainingStart, UpdatePlace } from '../domain/facts.ts';
import type { Contribution, ExclusionReason, OverSelected, Receipt, RoundRecord } from '../domain/handle.ts';
import { quorumOf } from '../domain/plan.ts';
import type { RoundOutcome } from '../domain/round.ts';
import type { Run } from '../domain/run.ts';

/** An accepted update that outlives a crash. */
export interface StagedContribution {
  receipt: Receipt;
  staged: UpdatePlace;
  staleness: number;
}

interface OpenedRound {
  round: number;
  attempt: number;
  base: number | null;
  overSelected?: OverSelected;
}

/** What happened in one attempt at a round: the cohort, who contributed, who was excluded and why. */
export class RoundLedger {
  readonly record: RoundRecord;
  /** Version that its clients started from; null: none. */
  readonly base: number | null;
  /** Where the contributions' bytes are, in the order of the contributions. */
  readonly #staged: (UpdatePlace | null)[];
  /** Where its clients began to train: here, or, buffered, in an earlier one. */
  readonly starts: Map<string, TrainingStart>;

  private constructor({ record, base, staged, starts }: NonNullable<Checkpoint['open']>) {
    this.record = record;
    this.base = base;
    this.#staged = staged;
    this.starts = new Map(starts);
  }

  /** An attempt as a checkpoint has it. */
  static restore(open: NonNullable<Checkpoint['open']>): RoundLedger {
    return new RoundLedger({ ...open, staged: [...open.staged] });
  }

  static open({ run, plan }: Run, { round, attempt, base, overSelected }: OpenedRound, atMs: number): RoundLedger {
    const record: RoundRecord = {
      run,
      round,
      attempt,
      phase: 'selecting',
      openedAtMs: atMs,
      trainingAtMs: null,
      aggregatingAtMs: null,
      endedAtMs: null,
      deadlineAtMs: null,
      target: 0,
      quorum: quorumOf(plan),
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
    return { record: this.record, base: this.base, staged: this.#staged, starts: [...this.starts] };
  }

  /** The contributions with their staged bytes, in order; null when one of them is in memory only. */
  get staged(): StagedContribution[] | null {
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
  start(clientId: string): void {
    const { round, attempt } = this.record;
    if (!this.starts.has(clientId)) this.starts.set(clientId, { round, attempt, base: this.base });
  }

  select(clientIds: readonly string[]): void {
    for (const clientId of clientIds) this.record.cohort.push(clientId);
  }

  accept(contribution: Contribution, staged: UpdatePlace | null): void {
    this.record.contributions.push(contribution);
    this.record.numExamples += contribution.numExamples;
    this.#staged.push(staged);
  }

  exclude(clientId: string, reason: ExclusionReason, atMs: number, code?: ErrorCode): void {
    this.record.exclusions.push({ clientId, reason, atMs, ...(code === undefined ? {} : { code }) });
  }

  enterPhase(phase: OpenPhase, atMs: number, deadlineAtMs: number | null, target: number): void {
    if (phase === 'training') this.record.trainingAtMs ??= atMs;
    if (phase === 'aggregating') this.record.aggregatingAtMs ??= atMs;
    Object.assign(this.record, { phase, deadlineAtMs, target });
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
