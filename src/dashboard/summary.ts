import type { ExclusionReason } from '../domain/handle.ts';
import type { ClientPart, DetailedRound, RoundSummary } from './contract.ts';

/** @returns the attempt without its clients. Also used by the page, for rounds as of a past moment. */
export function summaryOf(record: DetailedRound): RoundSummary {
  const exclusions: Partial<Record<ExclusionReason, number>> = {};
  for (const { reason } of record.exclusions) exclusions[reason] = (exclusions[reason] ?? 0) + 1;
  const { run, round, attempt, kind, phase, openedAtMs, trainingAtMs, aggregatingAtMs, endedAtMs } = record;
  const { target, quorum, cohort, contributions, modelVersion, reason, metrics, numExamples } = record;
  return {
    ...{ run, round, attempt, kind, phase, openedAtMs, trainingAtMs, aggregatingAtMs, endedAtMs, target, quorum },
    ...{ modelVersion, reason, metrics, numExamples, exclusions },
    strategy: record.strategy ?? null,
    cohort: cohort.length,
    contributions: contributions.length,
    used: record.members?.length ?? null,
    bytesIn: record.bytesIn ?? null,
    bytesOut: record.bytesOut ?? null,
  };
}

/** @returns whether the strategy made the model without this client's update. */
export const isUnused = (clientId: string, { members, contributions }: DetailedRound): boolean =>
  members !== undefined && !members.includes(clientId) && contributions.some((one) => one.clientId === clientId);

/** @returns what the client was to this attempt, or null when it was not in its cohort. */
export function partOf(clientId: string, record: DetailedRound): ClientPart | null {
  const { run, round, attempt, kind, openedAtMs } = record;
  const about = { run, round, attempt, kind, openedAtMs, isUnused: isUnused(clientId, record) };
  const contribution = record.contributions.find((one) => one.clientId === clientId);
  if (contribution) {
    const { acceptedAtMs: atMs, numExamples, metrics } = contribution;
    return { ...about, atMs, outcome: 'accepted', code: null, numExamples, metrics };
  }
  const exclusion = record.exclusions.findLast((one) => one.clientId === clientId);
  if (exclusion) {
    const { atMs, reason: outcome, code = null } = exclusion;
    return { ...about, atMs, outcome, code, numExamples: null, metrics: {} };
  }
  if (!record.cohort.includes(clientId)) return null;
  return { ...about, atMs: null, outcome: 'open', code: null, numExamples: null, metrics: {} };
}
