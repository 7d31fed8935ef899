import type { Durability, Fact } from '../domain/facts.ts';

/** What concerns an open round; with durability `round` none of it is on the disk before the commit. */
const ofRound: ReadonlySet<Fact['type']> = new Set<Fact['type']>([
  'round.opened',
  'clients.selected',
  'training.started',
  'update.accepted',
  'result.accepted',
  'training.failed',
  'clients.dismissed',
  'client.evicted',
  'client.readmitted',
  'quorum.lowered',
  'round.abandoned',
]);

/** What of the facts the journal is told: with durability `update` all of it. */
export class ToldFacts {
  readonly #durability: Durability;
  /** The journal has an attempt of an earlier process, which kept more of it: how it ends is told as well. */
  #roundIsKnown: boolean;

  constructor(durability: Durability, roundIsKnown: boolean) {
    this.#durability = durability;
    this.#roundIsKnown = roundIsKnown;
  }

  /** @returns the fact as the journal is told it; nothing when it is not to be on the disk. */
  of(fact: Fact): [] | [Fact] {
    if (this.#durability === 'update') return [fact];
    if (fact.type === 'round.abandoned' && this.#roundIsKnown) {
      this.#roundIsKnown = false;
      return [fact];
    }
    if (ofRound.has(fact.type)) return [];
    if (fact.type !== 'position' || fact.position.state !== 'round') return [fact];
    // Of an open round only that an operator wants the run to pause after it.
    if (fact.position.run?.pauseRequested !== true) return [];
    return [{ type: 'position', position: { ...fact.position, state: 'opening', round: null } }];
  }
}
