import type { ParticipantContext } from './context.ts';
import type { Heartbeats } from './heartbeats.ts';
import type { Membership } from './membership.ts';
import type { EvaluateModel, Train } from './task.ts';

/** What a round is worked on with. */
export interface RoundContext extends ParticipantContext {
  readonly membership: Membership;
  readonly heartbeats: Heartbeats;
  readonly train: Train;
  /** null: it cannot, and is not asked to. */
  readonly evaluate: EvaluateModel | null;
}
