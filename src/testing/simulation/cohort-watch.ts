import type { ClientProfile } from '../../domain/client.ts';
import type { ChorusEvent, CoordinatorHandle } from '../../domain/handle.ts';
import type { Plan } from '../../domain/plan.ts';
import { ratioCeil } from '../../domain/ratio.ts';
import { filterOf } from '../../selection/plan-filter.ts';
import type { World } from './world.ts';

type Selected = { round: number; attempt: number; clientIds: readonly string[] };

/** How many may be at work on a round at most; a share of those that are there is not known here, and is no bound. */
function atWorkMax({ cohortSize, overSelection, overSelectionAdaptive, overSelectionMax }: Plan): number {
  if (cohortSize === null) return Number.POSITIVE_INFINITY;
  return ratioCeil(overSelectionAdaptive ? Math.max(overSelection, overSelectionMax) : overSelection, cohortSize);
}

/**
 * Looks whether those who are selected may be, by what they told of themselves, and are told why they were chosen; and
 * whether no more are at work than the plan says, also where those of earlier rounds train on.
 */
export class CohortWatch {
  readonly #world: World;
  readonly #mayBeSelected: (profile: ClientProfile) => boolean;
  readonly #atWorkMax: number;

  /** @param plan was read, so its filter can be. */
  constructor(world: World, plan: Plan) {
    this.#world = world;
    this.#atWorkMax = atWorkMax(plan);
    const filter = filterOf(plan);
    this.#mayBeSelected = (profile) => filter === null || ('test' in filter && filter.test(profile));
  }

  /** @param profileOf what the client with this id told; null: it has another by now. */
  event({ type, data }: ChorusEvent, handle: CoordinatorHandle, profileOf: (id: string) => ClientProfile | null): void {
    if (type !== 'clients.selected' || data.kind !== 'training') return;
    const { round, attempt, clientIds } = data as unknown as Selected;
    const [newest] = handle.rounds(1);
    // What is told late is of an attempt that another has followed.
    if (newest?.kind !== 'training' || newest.round !== round || newest.attempt !== attempt) return;
    const { selected, training } = handle.status().counts;
    if (selected + training > this.#atWorkMax) {
      this.#violate(`${selected + training} clients are at work in round ${round}; at most ${this.#atWorkMax} may be`);
    }
    for (const clientId of clientIds) {
      const profile = profileOf(clientId);
      if (profile && !this.#mayBeSelected(profile)) {
        this.#violate(`Client ${clientId} was selected in round ${round}, and the filter leaves it out`);
      }
      const { chosen, sentence } = handle.selection(round, clientId);
      if (!chosen) this.#violate(`Client ${clientId} was selected in round ${round}, and is told: ${sentence}`);
    }
  }

  #violate(sentence: string): void {
    this.#world.violate({ invariant: 'cohorts as planned', sentence });
  }
}
