import type { ClientStanding, Heartbeat } from '../domain/handle.ts';
import type { ParticipantContext } from './context.ts';
import { isForgotten } from './errors.ts';
import type { Membership } from './membership.ts';
import { Pace } from './pace.ts';
import { childController, sleep } from './timers.ts';

/** Heartbeats are kept to so many at once, and then one every so many ms, whatever the server answers. */
const beatPace = { burst: 60, everyMs: 100 };
/** Longest time between heartbeats, whatever the server asks for, ms. */
const idleMsMax = 60_000;
/** How long the heartbeat after "selected" waits for what the client makes of that, ms. */
const takeUpMsMax = 1_000;

export interface Standing {
  state: ClientStanding;
  round: number;
}

/** An answer, and the number of the heartbeat that it answers, from 1: a later number was sent later. */
export interface Heard {
  beat: Heartbeat;
  number: number;
}

/** What the client said that it goes by, and what it heard. */
interface Exchange {
  known: Standing;
  heard: Heard;
}

/** Told of each answer, and null when the client was registered anew and nothing heard before holds any more. */
export type HeardListener = (heard: Heard | null) => void;

/**
 * Shows the server that the client is there, beside whatever else it does, and tells what the server answers.
 * Each heartbeat says what the client goes by; the server holds it until that is no longer so.
 */
export class Heartbeats {
  readonly #context: ParticipantContext;
  readonly #membership: Membership;
  readonly #waitSeconds: number;
  readonly #pace: Pace;
  readonly #listeners = new Set<HeardListener>();
  #sent = 0;
  #latest: Heard | null = null;
  #claim: Standing | null = null;
  /** The claim ends with an answer to a heartbeat after this number. */
  #disownedAt = Number.POSITIVE_INFINITY;
  #held: AbortController | null = null;
  /** The wait before the next heartbeat. */
  #rest: { controller: AbortController; endsWhenVoid: boolean } | null = null;

  constructor(context: ParticipantContext, membership: Membership, waitSeconds: number) {
    this.#context = context;
    this.#membership = membership;
    this.#waitSeconds = waitSeconds;
    this.#pace = new Pace(context.clock, beatPace);
    membership.onRenewed = () => this.#beginAnew();
  }

  /** How many were sent: an answer with a higher number was asked for from now on. */
  get sent(): number {
    return this.#sent;
  }

  /** The latest answer under this registration. */
  get latest(): Heard | null {
    return this.#latest;
  }

  /** What heartbeats shall say that the client goes by; null: what it last heard. */
  claim(standing: Standing | null): void {
    this.#claim = standing;
    this.#disownedAt = Number.POSITIVE_INFINITY;
    if (standing !== null) this.#rest?.controller.abort();
  }

  /** This client is in no round, whatever it heard before: if the server sees that otherwise, it shall say so at once. */
  disown(): void {
    this.#claim = { state: 'standby', round: this.#latest?.beat.round ?? 0 };
    this.#disownedAt = this.#sent;
    if (this.#rest?.endsWhenVoid) this.#rest.controller.abort();
  }

  /** Asks anew, without waiting for the answer to the heartbeat that is held. */
  askAgain(): void {
    this.#held?.abort(new Error('asked anew'));
  }

  /** @returns a function that ends it. */
  listen(listener: HeardListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The first answer that `accept` takes, the latest one included. @throws the signal's reason. */
  until(accept: (heard: Heard) => boolean, signal: AbortSignal): Promise<Heard> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#latest && accept(this.#latest)) return Promise.resolve(this.#latest);
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        stop();
        reject(signal.reason);
      };
      const stop = this.listen((heard) => {
        if (!heard || !accept(heard)) return;
        stop();
        signal.removeEventListener('abort', onAbort);
        resolve(heard);
      });
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Goes on until the signal is aborted. @throws its reason; ServerUnavailableError; a refusal that stays one. */
  async run(signal: AbortSignal): Promise<never> {
    const { clock } = this.#context;
    let last: Exchange | null = null;
    for (;;) {
      await sleep(clock, this.#pace.take(), signal);
      const sentAtMs = clock.now();
      const answer = await this.#beat(signal);
      if (answer === null) continue;
      const { heard, known } = answer;
      const { beat } = heard;
      const isRepeated = last !== null && !differs(known, last.known) && !differs(beat, last.heard.beat);
      last = answer;
      this.#tell(heard);
      if (isRepeated || !differs(beat, known)) {
        // A server that held its answer has used that time up; one that does not hold is asked at the pace it wishes.
        await this.#restFor(
          sentAtMs + Math.min(idleMsMax, beat.retryAfterMs) - clock.now(),
          { endsWhenVoid: false },
          signal,
        );
      } else if (beat.state === 'selected') {
        // Before the client has taken that up, or not, a heartbeat would be one for nothing: that would answer it.
        await this.#restFor(takeUpMsMax, { endsWhenVoid: true }, signal);
      }
    }
  }

  /** Waits, until the client goes by something else. @param endsWhenVoid and also when that is nothing. */
  async #restFor(delayMs: number, { endsWhenVoid }: { endsWhenVoid: boolean }, signal: AbortSignal): Promise<void> {
    const controller = childController(signal);
    this.#rest = { controller, endsWhenVoid };
    try {
      await sleep(this.#context.clock, delayMs, controller.signal);
    } catch {
      signal.throwIfAborted();
    } finally {
      this.#rest = null;
      controller.release();
    }
  }

  /** @returns null when it is to be sent anew: the client was registered again, or goes by something else now. */
  async #beat(signal: AbortSignal): Promise<Exchange | null> {
    const { client, retry } = this.#context;
    const { epoch } = this.#membership;
    const held = childController(signal);
    this.#held = held;
    try {
      const answer = await retry(
        'heartbeat',
        async () => {
          const known = this.#known();
          this.#sent += 1;
          const number = this.#sent;
          const beat = await client.heartbeat({ waitSeconds: this.#waitSeconds, known, signal: held.signal });
          return { heard: { beat, number }, known };
        },
        { signal: held.signal },
      );
      this.#membership.noteKnown();
      return answer;
    } catch (error) {
      signal.throwIfAborted();
      if (held.signal.aborted) return null;
      if (!isForgotten(error)) throw error;
      await this.#membership.rejoin(epoch, signal);
      return null;
    } finally {
      held.release();
    }
  }

  /** Who has just registered is on standby. */
  #known(): Standing {
    const { state, round } = this.#claim ?? this.#latest?.beat ?? { state: 'standby', round: 0 };
    return { state, round };
  }

  #tell(heard: Heard | null): void {
    this.#latest = heard;
    if (heard && heard.number > this.#disownedAt) this.claim(null);
    for (const listener of [...this.#listeners]) listener(heard);
  }

  #beginAnew(): void {
    // Held under the earlier registration, a heartbeat would keep the first of this one from being sent.
    this.askAgain();
    this.#tell(null);
  }
}

/** A round number alone is news only to a client that is in a round. */
function differs({ state, round }: Standing, known: Standing): boolean {
  if (state !== known.state) return true;
  return (state === 'selected' || state === 'training') && round !== known.round;
}

/** Whether the server still waits for this client's update to the round. */
export const isWantedIn = ({ beat }: Heard, round: number): boolean =>
  beat.state === 'training' && beat.round === round;
