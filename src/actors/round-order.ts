import type { Credential, Recovered, RoundOrder } from '../domain/aggregation.ts';
import { isBuffered, quorumOf, stalenessFactor, strategyChoice } from '../domain/plan.ts';
import { kindOf, type Round } from '../domain/round.ts';
import type { Run } from '../domain/run.ts';
import type { OwnStrategies } from '../domain/strategy-choice.ts';
import type { History } from '../history/history.ts';
import type { ClientTokens } from './client-tokens.ts';
import type { ClientRegistry } from './registry.ts';

/** What an order is made from: of an attempt that is to be opened, there is no deadline yet. */
type OrderBasis = Pick<Round, 'run' | 'round' | 'attempt' | 'evaluates' | 'plan'> &
  Partial<Pick<Round, 'deadlineAtMs' | 'quorum'>>;

/** What the aggregator is told of an attempt. @param modelVersion that clients start from; null: none */
export function orderOf(
  { run, round, attempt, evaluates, plan, quorum, deadlineAtMs = 0 }: OrderBasis,
  strategies: OwnStrategies,
  modelVersion: number | null,
): RoundOrder {
  return {
    run,
    round,
    attempt,
    kind: kindOf({ evaluates }),
    deadlineAtMs,
    uploadAttemptsMax: plan.uploadAttemptsMax,
    downloadsMax: plan.downloadsMax,
    payloadBytesMax: plan.payloadBytesMax,
    numExamplesMax: plan.numExamplesMax,
    updateNormMax: plan.updateNormMax,
    updateKind: plan.updateKind,
    aggregationWindowMs: plan.aggregationWindowMs,
    strategy: strategyChoice(plan, strategies),
    quorum: quorum ?? quorumOf(plan),
    keepsClients: isBuffered(plan),
    modelVersion,
  };
}

/** Whose tokens and states it takes. */
interface Clients {
  registry: ClientRegistry;
  history: History;
  tokens: ClientTokens;
}

/** What the open attempt has: who is at work, and what was accepted. null: none is open. */
export function recoveredOf({ history, registry, tokens }: Clients): Recovered | null {
  const ledger = history.open;
  if (!ledger) return null;
  const { run, round, attempt, cohort, contributions } = ledger.record;
  const accepted = new Set(contributions.map(({ clientId }) => clientId));
  return {
    credentials: cohort
      .filter((clientId) => accepted.has(clientId) || isTraining(clientId, registry))
      .map((clientId) => credentialOf(clientId, run, ledger.starts.get(clientId) ?? { round, attempt }, tokens)),
    contributions: stagedContributions(history) ?? [],
  };
}

/** Accepted updates of the open round, as far as a new life of the aggregator can be given them back; null: it cannot. */
export function stagedContributions({ open, run }: History): Recovered['contributions'] | null {
  if (!open || !run) return null;
  const staged = open.staged?.map(({ staleness, ...rest }) => ({
    ...rest,
    weightFactor: stalenessFactor(run.plan, staleness),
  }));
  return staged ?? null;
}

/** Who went on training from the last round, and may upload in this one; null: nobody. */
export function carriedOver({ run, round, plan }: Run, { history, registry, tokens }: Clients): Recovered | null {
  const credentials: Credential[] = [];
  for (const [clientId, start] of history.carried) {
    const isIn = start && round - start.round <= plan.stalenessMax && isTraining(clientId, registry);
    if (isIn) credentials.push(credentialOf(clientId, run, start, tokens));
  }
  return credentials.length > 0 ? { credentials, contributions: [] } : null;
}

export function isTraining(clientId: string, registry: ClientRegistry): boolean {
  const slot = registry.find(clientId);
  return slot !== -1 && registry.stateOf(slot) === 'training';
}

const credentialOf = (
  clientId: string,
  run: string,
  { round, attempt }: { round: number; attempt: number },
  tokens: ClientTokens,
): Credential => ({
  clientId,
  round,
  attempt,
  trainingToken: tokens.trainingToken(clientId, run, round, attempt),
});
