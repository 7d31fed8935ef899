import { drawsFrom, unitFrom } from './draws.ts';
import { type ExplainedPolicy, selectionOf } from './policy.ts';
import { Ranking } from './ranking.ts';
import { Utilities, type UtilityOptions } from './utility.ts';

/** Known clients within this share of the last utility that would do are drawn from, Oort algorithm 1, line 15. */
const cutoffShare = 0.95;

export interface OortOptions extends UtilityOptions {
  /** Share of the first cohort drawn among clients of unknown utility, 0 to 1. */
  readonly explorationStart: number;
  /** The share is multiplied by this after each round, 0 to 1. */
  readonly explorationDecay: number;
  /** The share does not fall below this, 0 to 1. */
  readonly explorationMin: number;
}

/**
 * Guided selection: Oort, Lai et al. 2021, OSDI, https://www.usenix.org/conference/osdi21/presentation/lai, algorithm 1.
 * A share ε of the cohort explores: clients whose utility is not known, the ready ones rather. The rest exploits: drawn
 * in proportion to utility among the best. The pacer moves the preferred time where both are given. Without the paper's limit
 * of times selected. Where one kind runs short, the other takes its places. O(n log n) at worst, in the sort of quantiles;
 * 8 bytes a candidate are kept for explanations.
 */
export const oort =
  (options: OortOptions): ExplainedPolicy =>
  (request) => {
    const { count, candidates, history, round, random } = request;
    const slots = candidates.slots();
    const utilities = new Utilities(slots, history, options);
    const known = slots.filter((slot) => utilities.isKnown(slot));
    const unknown = slots.filter((slot) => !utilities.isKnown(slot));
    const wanted = Math.floor(explorationShare(options, round) * count + unitFrom(random));
    const explored = Math.min(unknown.length, Math.max(wanted, count - known.length));
    const exploited = Math.min(known.length, count - explored);

    const draws = drawsFrom(random);
    /** Without replacement, in proportion to a weight: Efraimidis & Spirakis 2006. */
    const drawnByWeight = (from: Uint32Array, size: number, weightOf: (slot: number) => number) =>
      new Ranking(from, size, { scoreOf: (slot) => Math.log(draws.unit(slot)) / weightOf(slot), tieOf: draws.bits })
        .top;
    const ranking = new Ranking(known, exploited, { scoreOf: (slot) => utilities.of(slot), tieOf: draws.bits });
    const cutoff = cutoffShare * ranking.scoreOf(ranking.top.at(-1) ?? -1);
    const pool = known.filter((slot) => ranking.scoreOf(slot) >= cutoff);
    const ofKnown = { drawn: exploited, pool: pool.length, of: known.length };
    const ofUnknown = { drawn: explored, of: unknown.length };
    return selectionOf({
      policy: 'oort',
      request,
      slots: [
        ...drawnByWeight(pool, exploited, (slot) => ranking.scoreOf(slot)),
        ...drawnByWeight(unknown, explored, (slot) => utilities.readiness(slot)),
      ],
      reasonOf: (slot, chosen) =>
        ranking.has(slot)
          ? { kind: 'utility', chosen, utility: ranking.scoreOf(slot), rank: ranking.rankOf(slot), ...ofKnown }
          : { kind: 'exploration', chosen, ...ofUnknown },
    });
  };

/** ε of a round, from 1. */
const explorationShare = ({ explorationStart, explorationDecay, explorationMin }: OortOptions, round: number): number =>
  Math.max(explorationMin, explorationStart * explorationDecay ** (round - 1));
