import { drawsFrom } from './draws.ts';
import type { ClientHistory } from './history.ts';
import { type ExplainedPolicy, selectionOf } from './policy.ts';
import { Ranking } from './ranking.ts';

/**
 * Chance in proportion to examples, without replacement: algorithm A-Res of Efraimidis & Spirakis 2006, Weighted random
 * sampling with a reservoir, Information Processing Letters 97. Each client draws u^(1/examples) and the highest win; here
 * by logarithm, which orders the same and does not underflow. Examples are those of a client's last contribution; one
 * that made none yet counts as the mean of the others. Two passes, O(n log count).
 *
 * With a mean that weighs updates by examples as well, large clients count twice; use a plain mean for an unbiased one
 * (Li et al. 2020, On the convergence of FedAvg on non-IID data, https://arxiv.org/abs/1907.02189, scheme II).
 */
export const weighted: ExplainedPolicy = (request) => {
  const { count, candidates, history, random } = request;
  const slots = candidates.slots();
  const substitute = substituteExamples(slots, history);
  const draws = drawsFrom(random);
  const ranking = new Ranking(slots, count, {
    scoreOf: (slot) =>
      Math.log(draws.unit(slot)) / (hasExamples(history, slot) ? history.numExamples(slot) : substitute),
    tieOf: draws.bits,
  });
  return selectionOf({
    policy: 'weighted',
    request,
    slots: ranking.top,
    reasonOf: (slot, chosen) => {
      if (!ranking.has(slot)) return { kind: 'notThere', chosen: false };
      // Taken from the score, since the client may have contributed again meanwhile.
      const halves = Math.round((2 * Math.log(draws.unit(slot))) / ranking.scoreOf(slot));
      const drawn = ranking.top.length;
      return { kind: 'weight', chosen, examples: halves / 2, known: halves % 2 === 0, drawn, of: ranking.size };
    },
  });
};

const hasExamples = (history: ClientHistory, slot: number): boolean => history.numExamples(slot) > 0;

/**
 * What a client counts as that has not contributed: the mean of the candidates that have, 1 when there are none; then
 * moved to the middle between two whole numbers, so that no known number of examples is taken for it.
 */
function substituteExamples(slots: Uint32Array, history: ClientHistory): number {
  let sum = 0;
  let known = 0;
  for (const slot of slots) {
    if (!hasExamples(history, slot)) continue;
    sum += history.numExamples(slot);
    known += 1;
  }
  return Math.floor(known > 0 ? sum / known : 1) + 0.5;
}
