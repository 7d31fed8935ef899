/** What a client gave under a name; null: nothing. */
export type AttributeValue = string | number | boolean | null;

/** Why a client was chosen or was not, for machines; {@link reasonSentence} says it for people. */
export type Reason =
  /** Equal chance for all. */
  | { kind: 'drawn'; chosen: boolean; drawn: number; of: number }
  | { kind: 'everyone'; chosen: true; of: number }
  /** Chance in proportion to examples; `known` is false when the mean of the others stands in. */
  | { kind: 'weight'; chosen: boolean; examples: number; known: boolean; drawn: number; of: number }
  /** Who had the fewest turns, then by chance; `fewest` is what the first in the order had. */
  | { kind: 'turn'; chosen: boolean; turns: number; fewest: number; rank: number; drawn: number; of: number }
  /** Equal chance among those with the same value of an attribute. */
  | { kind: 'stratum'; chosen: boolean; attribute: string; value: AttributeValue; drawn: number; of: number }
  /** `drawn` of the `pool` best by utility, out of `of` with a known utility. */
  | { kind: 'utility'; chosen: boolean; utility: number; rank: number; drawn: number; pool: number; of: number }
  /** Tried to learn its utility: `drawn` of `of` that have none yet. */
  | { kind: 'exploration'; chosen: boolean; drawn: number; of: number }
  | { kind: 'filteredOut'; chosen: false; filter: string; values: Readonly<Record<string, AttributeValue>> }
  | { kind: 'notThere'; chosen: false }
  | { kind: 'notYet'; chosen: false }
  /** Buffered: it was chosen in an earlier round, and has not reported yet. */
  | { kind: 'wentOn'; chosen: true }
  /** A policy of one's own, an earlier process, or a choice long ago. */
  | { kind: 'notKept'; chosen: boolean };

/** Why a client was chosen for a round or was not, when it is asked for. */
export interface SelectionExplanation {
  readonly clientId: string;
  readonly round: number;
  readonly chosen: boolean;
  readonly reason: Reason;
  readonly sentence: string;
}

/** Numbers for people: grouped, and no more digits than are read. */
const shown = (value: number): string => value.toLocaleString('en-GB', { maximumSignificantDigits: 3 });
const counted = (count: number): string => count.toLocaleString('en-GB');

/** @returns one clause without a full stop, e.g. `not drawn: 30 of 4,000 were drawn with equal chance`. */
export function reasonSentence(reason: Reason): string {
  switch (reason.kind) {
    case 'drawn':
      return `${drawn(reason.chosen)}: ${counted(reason.drawn)} of ${counted(reason.of)} ${were(reason.drawn)} drawn with equal chance`;
    case 'everyone':
      return reason.of === 1 ? 'chosen: there was no other' : `chosen: all ${counted(reason.of)} were`;
    case 'weight': {
      const weight = `${shown(reason.examples)} ${reason.examples === 1 ? 'example' : 'examples'}${reason.known ? '' : ' (the mean; its own are not known)'}`;
      return `${drawn(reason.chosen)}: ${counted(reason.drawn)} of ${counted(reason.of)} ${were(reason.drawn)} drawn in proportion to examples, it with ${weight}`;
    }
    case 'turn':
      return `${chosen(reason.chosen)}: place ${counted(reason.rank)} of ${counted(reason.of)} in turn, ${counted(reason.drawn)} chosen; it had ${counted(reason.turns)} ${reason.turns === 1 ? 'turn' : 'turns'} when the fewest were ${counted(reason.fewest)}`;
    case 'stratum': {
      const whose =
        reason.value === null
          ? `without ${reason.attribute}`
          : `whose ${reason.attribute} is ${JSON.stringify(reason.value)}`;
      return `${drawn(reason.chosen)}: ${counted(reason.drawn)} of ${counted(reason.of)} clients ${whose} ${were(reason.drawn)} drawn with equal chance`;
    }
    case 'utility':
      return `${chosen(reason.chosen)}: rank ${counted(reason.rank)} of ${counted(reason.of)} by utility ${shown(reason.utility)}; ${counted(reason.drawn)} ${were(reason.drawn)} drawn from the best ${counted(reason.pool)}`;
    case 'exploration':
      return `${drawn(reason.chosen)}: ${counted(reason.drawn)} of ${counted(reason.of)} clients of unknown utility ${were(reason.drawn)} drawn to learn it`;
    case 'filteredOut':
      return `filtered out: ${valuesOf(reason)}`;
    case 'notThere':
      return 'not chosen: it was no candidate';
    case 'notYet':
      return 'not chosen: nobody is yet';
    case 'wentOn':
      return 'chosen in an earlier round: it trains on, and may contribute to this one';
    case 'notKept':
      return `${chosen(reason.chosen)}: why is not known any more, or was never told`;
  }
}

const were = (count: number): string => (count === 1 ? 'was' : 'were');
const drawn = (isChosen: boolean): string => (isChosen ? 'drawn' : 'not drawn');
const chosen = (isChosen: boolean): string => (isChosen ? 'chosen' : 'not chosen');

function valuesOf({ filter, values }: { filter: string; values: Readonly<Record<string, AttributeValue>> }): string {
  const told = Object.entries(values).map(([name, value]) =>
    value === null ? `${name} is not given` : `${name} is ${JSON.stringify(value)}`,
  );
  return told.length > 0 ? told.join(', ') : `${filter} is false`;
}
