import type { Receipt } from '../domain/handle.ts';
import { messageOf } from '../domain/words.ts';
import { retry } from './backoff.ts';
import { ChorusClient } from './chorus-client.ts';
import type { ParticipantContext } from './context.ts';
import { type Heard, Heartbeats } from './heartbeats.ts';
import { Membership } from './membership.ts';
import { type ParticipateOptions, type ParticipateSettings, readOptions } from './options.ts';
import { harmless } from './progress.ts';
import { type RoundCounts, Rounds } from './rounds.ts';
import { childController, within } from './timers.ts';

/** How long taking leave may take, ms. */
const leaveMsMax = 3_000;

/** What came of taking part. */
export interface Participation {
  /** The id this client had last. */
  clientId: string;
  /** The run last heard of; null: there was none. */
  run: string | null;
  /** Proofs of the updates that count, in order; the newest 10,000. */
  receipts: Receipt[];
  /** How the rounds ended that this client was selected for. */
  rounds: RoundCounts;
}

/**
 * Takes part in a run: registers, shows that it is there, and whenever it is selected fetches the model, trains, and
 * uploads the update; or, if it can and is asked to, evaluates the model and reports what it measured. Rides out restarts of the server, lost connections and refusals, within the bounds of `retry`.
 *
 * At the end, whatever it is, the client leaves: this process goes home, and a client that stayed registered would be
 * selected in vain.
 *
 * When `signal` is aborted, the training that goes on is aborted too, and the client leaves. Then, as with `fetch`, the
 * promise rejects with the signal's reason; with `untilFinished: false`, where that is how taking part ends, it
 * resolves, unless the client had not even registered.
 *
 * @throws ServerUnavailableError when an outage lasts longer than `retry` allows, or too many rounds in a row were missed.
 * @throws TrainingFailedError when `train` failed in `failedRoundsMax` rounds in a row.
 * @throws ChorusHttpError when the server refuses the client for a reason that does not pass.
 * @throws TypeError, RangeError for options that make no sense.
 */
export async function participate(options: ParticipateOptions): Promise<Participation> {
  const settings = readOptions(options);
  const participant = new Participant(options, settings);
  return participant.run(options.signal);
}

class Participant {
  readonly #settings: ParticipateSettings;
  readonly #context: ParticipantContext;
  readonly #membership: Membership;
  readonly #heartbeats: Heartbeats;
  readonly #rounds: Rounds;
  #run: string | null = null;
  /** The run that was told to be finished. */
  #finished: Pick<Heard['beat'], 'run'> | null = null;

  constructor(options: ParticipateOptions, settings: ParticipateSettings) {
    const { train, evaluate = null, name, attributes, onProgress } = options;
    this.#settings = settings;
    this.#context = contextOf(new ChorusClient(options), harmless(onProgress), settings);
    const profile = {
      ...(name === undefined ? {} : { name }),
      ...(attributes === undefined ? {} : { attributes }),
      ...(evaluate ? { evaluates: true } : {}),
    };
    this.#membership = new Membership(this.#context, profile);
    this.#heartbeats = new Heartbeats(this.#context, this.#membership, settings.waitSeconds);
    this.#rounds = new Rounds(
      { ...this.#context, train, evaluate, membership: this.#membership, heartbeats: this.#heartbeats },
      settings.failedRoundsMax,
    );
  }

  async run(signal: AbortSignal | undefined): Promise<Participation> {
    const home = childController(signal);
    let beating: Promise<void> | null = null;
    try {
      await this.#membership.join(home.signal);
      // When heartbeats fail for good, so does everything else.
      beating = this.#heartbeats.run(home.signal).catch((error: unknown) => home.abort(error));
      await this.#takeParts(home.signal);
    } catch (error) {
      const isMeantTo = signal?.aborted && !this.#settings.untilFinished && this.#membership.epoch > 0;
      if (!isMeantTo) throw error;
    } finally {
      home.abort();
      home.release();
      await beating;
      await this.#leave();
    }
    const { receipts, counts } = this.#rounds;
    const run = this.#heartbeats.latest?.beat.run ?? this.#run;
    return { clientId: this.#membership.clientId, run, receipts, rounds: counts };
  }

  /** Works through the rounds, up to the end of the run if that is wanted. */
  async #takeParts(signal: AbortSignal): Promise<void> {
    for (;;) {
      const heard = await this.#heartbeats.until((one) => this.#isEnd(one) || this.#rounds.isCall(one), signal);
      const { run } = heard.beat;
      this.#run = run;
      if (!this.#isEnd(heard)) {
        await this.#rounds.takePart(heard, signal);
        continue;
      }
      this.#finished = { run };
      this.#context.emit({ type: 'finished', run });
      if (this.#settings.untilFinished) return;
    }
  }

  /** The end of a run, told once. */
  #isEnd({ beat }: Heard): boolean {
    return beat.state === 'finished' && (this.#finished === null || beat.run !== this.#finished.run);
  }

  /** As good as it goes: a server that does not hear it gives the client up after its heartbeat timeout. */
  async #leave(): Promise<void> {
    const { client, clock } = this.#context;
    if (!client.identity) return;
    await within(clock, { msMax: leaveMsMax, signal: undefined }, (signal) => client.leave({ signal })).catch(
      () => undefined,
    );
  }
}

function contextOf(
  client: ChorusClient,
  emit: ParticipantContext['emit'],
  { clock, random, bounds }: ParticipateSettings,
): ParticipantContext {
  return {
    client,
    clock,
    emit,
    retry: (call, act, limits) =>
      retry(call, act, {
        ...limits,
        clock,
        random,
        bounds,
        onRetry: ({ attempt, delayMs, error }) =>
          emit({ type: 'retrying', call, attempt, delayMs, reason: messageOf(error) }),
      }),
  };
}
