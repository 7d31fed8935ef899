import { type ExplainedPolicy, selectionOf } from './policy.ts';
import { uniform } from './uniform.ts';

/**
 * Everyone who is there, as in cross-silo training (Kairouz et al. 2021, Advances and Open Problems in Federated
 * Learning, table 1, https://arxiv.org/abs/1912.04977). When fewer are asked for than are there, so many are drawn
 * uniformly. O(candidates).
 */
export const all: ExplainedPolicy = (request) => {
  const { count, candidates } = request;
  const of = candidates.count;
  if (of > count) return { ...uniform(request), policy: 'all' };
  return selectionOf({
    policy: 'all',
    request,
    slots: Array.from(candidates.slots()),
    // One that was not chosen can only have come later.
    reasonOf: (_, chosen) => (chosen ? { kind: 'everyone', chosen, of } : { kind: 'notThere', chosen }),
  });
};
