import type { Receipt, RoundRecord } from '../../domain/handle.ts';
import { type Acknowledged, holds, keyOf, nameOf } from './attempts.ts';
import type { SentUpdates } from './sent-updates.ts';
import type { World } from './world.ts';

/** An update that a client was told of, and the round it is to count in: buffered, a later one than its client began in. */
interface Open extends Acknowledged {
  readonly countsIn: number;
}

/**
 * Updates of which a client was told that they count: each is in the model of the round that took it, and in no other, or
 * that attempt was given up.
 */
export class Acknowledgements {
  readonly #world: World;
  readonly #sent: SentUpdates;
  /** Not yet known to be in a committed round, or in an attempt that was given up. */
  readonly #open = new Set<Open>();
  /** Rounds, by run. */
  readonly #committed = new Set<string>();
  /** What committed rounds count, by name; and whose work on which round, whatever its bytes are. */
  readonly #counted = new Set<string>();
  readonly #works = new Set<string>();
  /** Updates of attempts that were given up. */
  readonly #givenUp = new Set<string>();
  /** What was accepted in the open attempt was not promised to survive a crash that came. */
  #mayBeLost = false;

  constructor(world: World, sent: SentUpdates) {
    this.#world = world;
    this.#sent = sent;
  }

  get roundsCommitted(): number {
    return this.#committed.size;
  }

  /** @param records the newest attempts */
  note(run: string, { round, clientId, sha256 }: Receipt, records: readonly RoundRecord[]): void {
    const one: Acknowledged = { run, round, clientId, sha256 };
    if (this.#sent.find(one)?.isSound === false) {
      const sentence = `an update of ${clientId} for round ${round} was acknowledged that is unsound`;
      this.#world.violate({ invariant: 'counted once', sentence });
    }
    const name = nameOf(one);
    if (this.#givenUp.has(name) || this.#counted.has(name)) return;
    const record = records.find((each) => each.run === run && holds(each, one));
    if (record) this.#open.add({ ...one, countsIn: record.round });
    else this.#failLost(one, 'is in no round');
  }

  /** A crash came that these updates were not promised to survive. */
  release(): void {
    this.#open.clear();
    this.#mayBeLost = true;
  }

  /** The process is up again. @param open the newest attempt it knows of */
  survived(open: RoundRecord | undefined): void {
    for (const one of this.#open) {
      if (open?.endedAtMs === null && open.run === one.run && open.round === one.countsIn && holds(open, one)) continue;
      this.#failLost(one, 'is gone after the crash');
    }
  }

  committed(record: RoundRecord): void {
    const { run, round } = record;
    const key = keyOf(run, round);
    if (this.#committed.has(key)) {
      this.#world.violate({ invariant: 'counted once', sentence: `round ${round} was committed twice` });
    }
    this.#committed.add(key);
    for (const { round: begunIn, clientId, sha256 } of record.contributions) {
      const work = `${keyOf(run, begunIn)} ${clientId}`;
      if (this.#works.has(work)) {
        const sentence = `what ${clientId} made of round ${begunIn} counts in round ${round}, and did so before`;
        this.#world.violate({ invariant: 'counted once', sentence });
      }
      this.#works.add(work);
      this.#counted.add(nameOf({ run, round: begunIn, clientId, sha256 }));
    }
    for (const one of this.#of(record)) {
      this.#open.delete(one);
      if (!holds(record, one)) this.#failLost(one, 'is not in the model of its round');
    }
  }

  /**
   * An attempt is not given up for updates that had to survive.
   * @param diskFailed since the attempt before it ended: what cannot be read back now is as good as lost
   */
  givenUp(record: RoundRecord, diskFailed: boolean): void {
    const { run, round, attempt, reason, contributions } = record;
    const isForLost = reason?.includes(' is lost: ') ?? false;
    if (isForLost && !this.#mayBeLost && !diskFailed) {
      const sentence = `attempt ${attempt} at round ${round} was given up: ${reason}`;
      this.#world.violate({ invariant: 'updates survive', sentence });
    }
    this.#mayBeLost = false;
    for (const contribution of contributions) this.#givenUp.add(nameOf({ ...contribution, run }));
    for (const one of this.#of(record)) if (holds(record, one)) this.#open.delete(one);
  }

  #of({ run, round }: RoundRecord): Open[] {
    return [...this.#open].filter((one) => one.run === run && one.countsIn === round);
  }

  #failLost({ clientId, round }: Acknowledged, how: string): void {
    const sentence = `the update of ${clientId} for round ${round} was acknowledged, and ${how}`;
    this.#world.violate({ invariant: 'updates survive', sentence });
  }
}
