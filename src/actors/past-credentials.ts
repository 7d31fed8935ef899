import type { Credential } from '../domain/aggregation.ts';
import type { TrainingStart } from '../domain/facts.ts';
import type { RoundRecord } from '../domain/round-record.ts';
import type { ClientTokens } from './client-tokens.ts';

/** Tokens of an earlier process that are still known after a restart, at most so many; those of the newest rounds. */
const recalledMax = 10_000;

/**
 * What clients of rounds that are over may still hold: they are to hear that it is over, not that they are strangers.
 * @param carried clients of a buffered run that train on, and since when
 */
export function pastCredentials(
  rounds: readonly RoundRecord[],
  tokens: ClientTokens,
  carried: ReadonlyMap<string, TrainingStart | null>,
): Credential[] {
  const credentials: Credential[] = [];
  for (const { run, round, attempt, cohort } of rounds.toReversed()) {
    if (credentials.length + cohort.length > recalledMax) break;
    for (const clientId of cohort) {
      const trainingToken = tokens.trainingToken(clientId, run, round, attempt);
      const start = carried.get(clientId);
      const goesOn = start?.round === round && start.attempt === attempt;
      credentials.push({ clientId, round, attempt, trainingToken, ...(goesOn ? { goesOn } : {}) });
    }
  }
  return credentials;
}
