import type { AttributeValue } from '../domain/selection-reason.ts';
import { attributeOf } from './attribute.ts';
import { bestOf } from './best-of.ts';
import { type Draws, drawsFrom, unitFrom } from './draws.ts';
import { type Candidates, type ExplainedPolicy, selectionOf } from './policy.ts';
import { quotasOf } from './quotas.ts';

/** Strata told apart. Clients of further values share one: a client may say what it likes, memory stays bounded. */
const strataMax = 1_000;
const furtherValues = 'one of many others';

interface Stratum {
  readonly value: AttributeValue;
  readonly slots: number[];
}

/**
 * Each value of an attribute is in the cohort in the proportion it has among the candidates, to within one client:
 * proportional allocation, Neyman 1934, On the two different aspects of the representative method, Journal of the Royal
 * Statistical Society 97. Within a stratum each set is equally likely; clients without the attribute are a stratum.
 * O(n log count); about 12 bytes a candidate while it works.
 * @param attribute its name, as clients give it at registration.
 */
export const stratifiedBy =
  (attribute: string): ExplainedPolicy =>
  (request) => {
    const { candidates, count, random } = request;
    const draws = drawsFrom(random);
    const strata = strataOf(candidates, attribute);
    const quotas = quotasOf(
      strata.map(({ slots }) => slots.length),
      count,
      unitFrom(random),
    );
    const figures = new Map<AttributeValue, { drawn: number; of: number }>();
    const valueOfChosen = new Map<number, AttributeValue>();
    for (const [index, { value, slots }] of strata.entries()) {
      const drawn = quotas[index] ?? 0;
      figures.set(value, { drawn, of: slots.length });
      for (const slot of drawnFrom(slots, drawn, draws)) valueOfChosen.set(slot, value);
    }
    return selectionOf({
      policy: 'stratified',
      request,
      slots: [...valueOfChosen.keys()],
      reasonOf: (slot, chosen) => {
        const given = valueOfChosen.get(slot) ?? attributeOf(candidates.profileOf(slot), attribute);
        const value = figures.has(given) ? given : furtherValues;
        const figure = figures.get(value);
        if (!figure) return { kind: 'notThere', chosen: false };
        return { kind: 'stratum', chosen, attribute: `attributes.${attribute}`, value, ...figure };
      },
    });
  };

/** Candidates by value, in an order that does not depend on theirs. */
function strataOf(candidates: Candidates, attribute: string): Stratum[] {
  const strata = new Map<AttributeValue, Stratum>();
  for (const slot of candidates.slots()) {
    const given = attributeOf(candidates.profileOf(slot), attribute);
    const value = strata.has(given) || strata.size < strataMax ? given : furtherValues;
    const stratum = strata.get(value);
    if (stratum) stratum.slots.push(slot);
    else strata.set(value, { value, slots: [slot] });
  }
  const keyOf = ({ value }: Stratum) => JSON.stringify(value);
  return [...strata.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

const drawnFrom = (slots: readonly number[], count: number, draws: Draws): number[] =>
  count === 0
    ? []
    : bestOf(Uint32Array.from(slots), count, (a, b) => {
        const [bitsA, bitsB] = [draws.bits(a), draws.bits(b)];
        return bitsA !== bitsB ? bitsA < bitsB : a > b;
      });
