import { drawsFrom } from './draws.ts';
import { type ExplainedPolicy, selectionOf } from './policy.ts';
import { Ranking } from './ranking.ts';

/**
 * In turn: those who had the fewest turns, and among these by chance, so that each pass over the population meets in
 * other cohorts. In a population that stays, numbers of selections never differ by more than one: someone with one more
 * is only chosen when everyone with fewer is. A client that is new, or was away, goes on with the others and does not
 * catch up (see `ClientHistory.turns`). O(n log count).
 */
export const roundRobin: ExplainedPolicy = (request) => {
  const { count, candidates, history, random } = request;
  const ranking = new Ranking(candidates.slots(), count, {
    scoreOf: (slot) => -history.turns(slot),
    tieOf: drawsFrom(random).bits,
  });
  const turnsOf = (slot: number) => 0 - ranking.scoreOf(slot);
  return selectionOf({
    policy: 'round-robin',
    request,
    slots: ranking.top,
    reasonOf: (slot, chosen) => {
      if (!ranking.has(slot)) return { kind: 'notThere', chosen: false };
      const fewest = turnsOf(ranking.top[0] ?? slot);
      const { top, size } = ranking;
      const rank = ranking.rankOf(slot);
      return { kind: 'turn', chosen, turns: turnsOf(slot), fewest, rank, drawn: top.length, of: size };
    },
  });
};
