import type { RoundRecord } from '../../domain/handle.ts';
import { isBuffered, type Plan } from '../../domain/plan.ts';
import type { Invariant } from './violation.ts';

/** How many versions old the model may be that an update began with. */
export const stalenessMaxOf = (plan: Plan): number => (isBuffered(plan) ? plan.stalenessMax : 0);

/** Looks whether a committed round counts as many as it must and may, each once, and nobody who was not asked or is too late. */
export function checkContributions(
  { round, contributions, cohort, quorum, target }: RoundRecord,
  plan: Plan,
  fail: (invariant: Invariant, sentence: string) => void,
): void {
  const count = contributions.length;
  if (count < quorum) {
    fail('quorum', `round ${round} was committed by ${count} contributions; its quorum is ${quorum}`);
  }
  const countMax = plan.cohortSize ?? target;
  if (count > countMax) fail('quorum', `round ${round} counts ${count} contributions, and closes at ${countMax}`);
  const ids = new Set(contributions.map(({ clientId }) => clientId));
  if (ids.size !== count) fail('counted once', `a client counts twice in round ${round}`);
  for (const { clientId, round: begunIn, staleness = 0 } of contributions) {
    if (!cohort.includes(clientId)) fail('counted once', `${clientId} counts in round ${round} unselected`);
    if (begunIn + staleness !== round || staleness < 0) {
      fail('counted once', `${clientId} began in round ${begunIn}, and counts in round ${round} as ${staleness} old`);
    }
    const stalenessMax = stalenessMaxOf(plan);
    if (staleness > stalenessMax) {
      fail(
        'cohorts as planned',
        `${clientId} counts in round ${round} ${staleness} versions late; ${stalenessMax} may be`,
      );
    }
  }
}
