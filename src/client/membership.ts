import type { ClientProfile } from '../domain/client.ts';
import type { Registration } from '../domain/handle.ts';
import type { ChorusClient } from './chorus-client.ts';
import type { ParticipantContext } from './context.ts';
import { ChorusHttpError, ServerUnavailableError } from './errors.ts';
import { Pace } from './pace.ts';
import { sleep } from './timers.ts';

/** Registering anew is kept to so many at once, and then one every so many ms. */
const rejoinPace = { burst: 3, everyMs: 10_000 };
/** Registrations in a row after which not one heartbeat went well; then the server cannot be worked with. */
const rejoinsInVainMax = 10;

/** Who this client is to the server, over restarts of either. */
export class Membership {
  /** Told of each registration, before anybody acts on it. */
  onRenewed: () => void = () => {};
  readonly #context: ParticipantContext;
  readonly #client: ChorusClient;
  readonly #profile: ClientProfile;
  readonly #pace: Pace;
  #epoch = 0;
  #inVain = 0;
  #rejoining: Promise<void> | null = null;
  #clientId = '';

  constructor(context: ParticipantContext, profile: ClientProfile) {
    this.#context = context;
    this.#client = context.client;
    this.#profile = profile;
    this.#pace = new Pace(context.clock, rejoinPace);
  }

  /** The id it has, or had last. */
  get clientId(): string {
    return this.#clientId;
  }

  /** Rises with each registration; a call that began under an earlier one says nothing about this one. */
  get epoch(): number {
    return this.#epoch;
  }

  /** @throws ServerUnavailableError; ChorusHttpError for a refusal that time does not mend; the signal's reason. */
  async join(signal: AbortSignal): Promise<void> {
    this.#note(await this.#register({ fresh: false }, signal));
    this.#context.emit({ type: 'registered', clientId: this.#clientId });
  }

  /**
   * Registers anew, since the server said that it does not know the client. Does nothing when that was done meanwhile.
   * @param epoch under which the call was made that heard so.
   */
  async rejoin(epoch: number, signal: AbortSignal): Promise<void> {
    if (epoch !== this.#epoch) return;
    this.#rejoining ??= this.#rejoin(signal).finally(() => {
      this.#rejoining = null;
    });
    await this.#rejoining;
  }

  /** A heartbeat went well. */
  noteKnown(): void {
    this.#inVain = 0;
  }

  /**
   * Tells the server that this client is out of the open round, so that nobody waits for it. As good as it goes: if it
   * fails, the round waits for its deadline instead.
   * @returns whether the server knows.
   */
  async stepOut(signal: AbortSignal): Promise<boolean> {
    try {
      this.#note(await this.#client.rendezvous({ ...this.#profile, signal }));
      return true;
    } catch {
      signal.throwIfAborted();
      return false;
    }
  }

  async #rejoin(signal: AbortSignal): Promise<void> {
    if (this.#inVain >= rejoinsInVainMax) {
      const cause = new Error('the server forgets this client as soon as it has registered');
      throw new ServerUnavailableError(`Registered ${this.#inVain} times in vain: ${cause.message}`, {
        attempts: this.#inVain,
        elapsedMs: 0,
        cause,
      });
    }
    this.#inVain += 1;
    await sleep(this.#context.clock, this.#pace.take(), signal);
    const previousClientId = this.#clientId;
    this.#note(await this.#registerAgain(signal));
    this.#context.emit({ type: 'reregistered', clientId: this.#clientId, previousClientId });
  }

  /**
   * First as who it was: a client whose update counts already, and that was then given up, must not be selected for
   * the same round as somebody new.
   */
  async #registerAgain(signal: AbortSignal): Promise<Registration> {
    try {
      return await this.#register({ fresh: false }, signal);
    } catch (error) {
      // Whatever is wrong with who it was; that the server is away is something else.
      if (!(error instanceof ChorusHttpError)) throw error;
      return this.#register({ fresh: true }, signal);
    }
  }

  #register({ fresh }: { fresh: boolean }, signal: AbortSignal): Promise<Registration> {
    return this.#context.retry('rendezvous', () => this.#client.rendezvous({ ...this.#profile, fresh, signal }), {
      signal,
    });
  }

  #note({ clientId }: Registration): void {
    this.#clientId = clientId;
    this.#epoch += 1;
    this.onRenewed();
  }
}
