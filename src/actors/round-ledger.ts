import type { ErrorCode } from '../domain/errors.ts';
import type { Contribution, ExclusionReason, RoundPhase, RoundRecord } from '../domain/handle.ts';
import { quorumOf } from '../domain/plan.ts';
import type { RoundInput, RoundOutcome } from '../domain/round.ts';

/** A client's part in a round. Its state is the registry's; here is only what belongs to the round. */
export interface Member {
  readonly slot: number;
  trainingToken: string | null;
}

/** What happened in one attempt at a round: the cohort, who contributed, who was excluded and why. */
export class RoundLedger {
  readonly record: RoundRecord;
  readonly members = new Map<string, Member>();

  constructor({ run, round, attempt, plan, tally }: RoundInput) {
    this.record = {
      run,
      round,
      attempt,
      phase: 'selecting',
      openedAtMs: tally.atMs,
      trainingAtMs: null,
      aggregatingAtMs: null,
      endedAtMs: null,
      deadlineAtMs: null,
      target: 0,
      quorum: quorumOf(plan),
      cohort: [],
      contributions: [],
      exclusions: [],
      modelVersion: null,
      reason: null,
      metrics: {},
      numExamples: 0,
    };
  }

  select(clientId: string, slot: number): void {
    this.members.set(clientId, { slot, trainingToken: null });
    this.record.cohort.push(clientId);
  }

  accept(contribution: Contribution): void {
    this.record.contributions.push(contribution);
    this.record.numExamples += contribution.numExamples;
  }

  exclude(clientId: string, reason: ExclusionReason, atMs: number, code?: ErrorCode): void {
    this.record.exclusions.push({ clientId, reason, atMs, ...(code === undefined ? {} : { code }) });
  }

  enterPhase(phase: RoundPhase, atMs: number, deadlineAtMs: number | null, target: number): void {
    if (phase === this.record.phase && deadlineAtMs === this.record.deadlineAtMs) return;
    if (phase === 'training') this.record.trainingAtMs ??= atMs;
    if (phase === 'aggregating') this.record.aggregatingAtMs ??= atMs;
    Object.assign(this.record, { phase, deadlineAtMs, target });
  }

  conclude(outcome: RoundOutcome, atMs: number): void {
    const { record } = this;
    record.phase = outcome.kind;
    record.endedAtMs = atMs;
    record.deadlineAtMs = null;
    if (outcome.kind === 'abandoned') record.reason = `${outcome.reason}: ${outcome.detail}`;
    else record.modelVersion = outcome.modelVersion;
    record.metrics = weightedMetrics(record.contributions);
  }
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
