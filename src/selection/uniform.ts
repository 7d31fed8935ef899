import { type ExplainedPolicy, selectionOf } from './policy.ts';

/**
 * Each set of clients is equally likely: the sampling of FederatedAveraging, McMahan et al. 2017, Algorithm 1,
 * https://arxiv.org/abs/1602.05629. O(count), whatever the population.
 */
export const uniform: ExplainedPolicy = (request) => {
  const { count, candidates, random } = request;
  const of = candidates.count;
  const slots = candidates.sampleSlots(count, random);
  return selectionOf({
    policy: 'uniform',
    request,
    slots,
    reasonOf: (_, chosen) => ({ kind: 'drawn', chosen, drawn: slots.length, of }),
  });
};
