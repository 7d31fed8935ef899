import type { UpdatePlace } from '../domain/facts.ts';
import type { ModelInfo } from '../domain/model.ts';
import type { AuditEntry } from '../domain/operations.ts';
import { isBuffered, quorumOf } from '../domain/plan.ts';
import type { RoundRecord } from '../domain/round-record.ts';
import type { Run } from '../domain/run.ts';
import { weightedMetrics } from '../history/round-ledger.ts';

/** A committed round, as the facts tell it. */
export interface Commit {
  seq: number;
  /** As it was when the round was committed: its round is this one. */
  run: Run;
  record: RoundRecord;
  model: ModelInfo;
  /** Version that its clients started from; null: none. */
  base: number | null;
  /** Where the contributions' bytes were staged, in their order; null: they were in memory only. */
  places: readonly UpdatePlace[] | null;
  /** What operators had done by then, as far as it is kept. */
  audit: readonly AuditEntry[];
}

const sha256Pattern = /^[0-9a-f]{64}$/;

/** @returns a sentence for everything that is not as a commit must be. */
export function commitProblems({ run, record, model, places, audit }: Commit): string[] {
  const { contributions, cohort } = record;
  const label = `Round ${record.round}`;
  const problems: string[] = [];
  const must = (holds: boolean, sentence: () => string) => {
    if (!holds) problems.push(`${label}: ${sentence()}.`);
  };
  const { quorum } = record;
  const decided = quorumDecided(record, quorumOf(run.plan), audit);
  must(
    quorum === decided,
    () => `it was held to a quorum of ${quorum}, but by its plan and its operators it was ${decided}`,
  );
  must(
    contributions.length >= quorum,
    () => `it was committed with ${contributions.length} contributions, below its quorum of ${quorum}`,
  );
  must(
    record.run === run.run && record.round === run.round && record.attempt === run.attempt,
    () =>
      `it was committed as round ${record.round}, attempt ${record.attempt} of run ${record.run}, when round ${run.round}, attempt ${run.attempt} of run ${run.run} was due`,
  );
  must(
    model.run === run.run && model.round === record.round,
    () => `model version ${model.version} says that it is of round ${model.round} of run ${model.run}`,
  );
  must(
    model.contributions === contributions.length,
    () =>
      `model version ${model.version} says it is of ${model.contributions} contributions, but ${contributions.length} were accepted`,
  );
  const numExamples = contributions.reduce((sum, one) => sum + one.numExamples, 0);
  must(
    model.numExamples === numExamples && record.numExamples === numExamples,
    () =>
      `model version ${model.version} says that ${model.numExamples} examples are in it, but its contributions have ${numExamples}`,
  );
  must(
    isSame(model.metrics, weightedMetrics(contributions)),
    () => `the metrics of model version ${model.version} are not the means of its contributions’ metrics`,
  );
  const staleMax = isBuffered(run.plan) ? run.plan.stalenessMax : 0;
  const members = new Set(cohort);
  const counted = new Set<string>();
  for (const { clientId, round, sha256, staleness = 0 } of contributions) {
    must(!counted.has(clientId), () => `client ${clientId} is counted more than once`);
    must(members.has(clientId), () => `client ${clientId} contributed and was not selected`);
    must(round + staleness === record.round, () => `the receipt of client ${clientId} is for round ${round}`);
    must(staleness <= staleMax, () => `the update of client ${clientId} was ${staleness} versions old`);
    must(sha256Pattern.test(sha256), () => `the receipt of client ${clientId} holds no SHA-256`);
    counted.add(clientId);
  }
  must(places === null || areApart(places), () => 'two contributions were staged at the same place');
  return problems;
}

/** The quorum of the plan, lowered as often as the audit log says that it was. */
function quorumDecided({ round, attempt, quorumLowered = [] }: RoundRecord, ofPlan: number, audit: Commit['audit']) {
  return quorumLowered.reduce((quorum, { from, to, auditSeq }) => {
    const entry = audit.find(({ seq }) => seq === auditSeq);
    const { params } = entry ?? { params: {} as AuditEntry['params'] };
    const isWritten = entry?.operation === 'lowerQuorum' && params.round === round && params.attempt === attempt;
    return isWritten && params.quorum === to && from === quorum && to >= 1 && to < from ? to : quorum;
  }, ofPlan);
}

const isSame = (a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): boolean =>
  Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([name, value]) => b[name] === value);

function areApart(places: readonly UpdatePlace[]): boolean {
  const sorted = places.toSorted((a, b) => a.at - b.at);
  return sorted.every(({ at }, index) => {
    const before = sorted[index - 1];
    return !before || before.at + before.bytes <= at;
  });
}
