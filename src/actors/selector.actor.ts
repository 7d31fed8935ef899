import { createActor, fromCallback } from 'xstate';
import type { RandomStream } from '../domain/random.ts';
import type { Candidates as ExplainedCandidates, ExplainedRequest, Selection } from '../selection/policy.ts';

export interface Candidates extends ExplainedCandidates {
  /** Up to `count` distinct ids, uniformly at random, in O(count). */
  sample(count: number, random: RandomStream): string[];
}

export interface SelectionRequest extends ExplainedRequest {
  readonly candidates: Candidates;
}

/** Client ids alone, or with a reason for each. */
type Chosen = readonly string[] | Selection;

/** How a cohort is chosen. Stateless; may answer at once or later. */
export type SelectionPolicy = (request: SelectionRequest) => Chosen | Promise<Chosen>;

interface SelectionAsked {
  type: 'selection.asked';
  requestId: number;
  request: SelectionRequest;
}

/** The selector's answer. What a policy says is advice: the coordinator checks every id. */
export type SelectionAnswered =
  | {
      type: 'selection.answered';
      requestId: number;
      clientIds: readonly string[];
      /** null: the policy does not say why. */
      selection: Selection | null;
    }
  | { type: 'selection.failed'; requestId: number; error: unknown };

/**
 * Starts the selector actor: it is sent `selection.asked` and emits one answer per question, at once when the policy
 * answers at once. A policy that throws or rejects is an answer too; one that never settles meets the round's deadline.
 */
export function startSelector(policy: SelectionPolicy, onAnswer: (answer: SelectionAnswered) => void) {
  const logic = fromCallback<SelectionAsked, undefined, SelectionAnswered>(({ receive, emit }) => {
    receive(({ requestId, request }) => {
      const failed = (error: unknown) => emit({ type: 'selection.failed', requestId, error });
      const answered = (chosen: Chosen) => {
        const selection = 'clientIds' in chosen ? chosen : null;
        const clientIds = 'clientIds' in chosen ? chosen.clientIds : chosen;
        emit({ type: 'selection.answered', requestId, clientIds, selection });
      };
      try {
        const chosen = policy(request);
        if ('then' in chosen) chosen.then(answered, failed);
        else answered(chosen);
      } catch (error) {
        failed(error);
      }
    });
  });
  const actor = createActor(logic, { id: 'selector' });
  actor.on('*', onAnswer);
  actor.start();
  return {
    ask: (requestId: number, request: SelectionRequest) => actor.send({ type: 'selection.asked', requestId, request }),
    stop: () => actor.stop(),
  };
}
