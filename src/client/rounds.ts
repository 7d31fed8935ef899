import type { Heartbeat, Receipt } from '../domain/handle.ts';
import { messageOf } from '../domain/words.ts';
import type { ClientTicket } from './chorus-client.ts';
import { ChorusHttpError, isForgotten, isRefusal, ServerUnavailableError, TrainingFailedError } from './errors.ts';
import { EvaluateFailed, workOnEvaluation } from './evaluation-work.ts';
import { type Heard, isWantedIn } from './heartbeats.ts';
import type { RoundContext } from './round-context.ts';
import { RoundOver } from './round-watch.ts';
import { TrainFailed, VerdictMissed, workOnRound } from './round-work.ts';
import { lacksAggregator, localDeadline, takeUp } from './ticket.ts';

/** Receipts kept; of a longer participation, the newest. */
const receiptsMax = 10_000;

/** How the rounds and the evaluations ended that this client was selected for. */
export interface RoundCounts {
  /** Its update counts. */
  accepted: number;
  /** What it measured of a model counts. */
  evaluated: number;
  /** Its update, or its result, was fine, and not needed any more. */
  discarded: number;
  /** The server refused its update, or its result. */
  refused: number;
  /** `train` failed. */
  trainFailed: number;
  /** `evaluate` failed. */
  evaluateFailed: number;
  /** The model could not be fetched, or the update or the result not delivered. */
  missed: number;
  /** The round went on without this client before it had done its part. */
  over: number;
}

/** Takes part in the rounds this client is selected for, one after another, and remembers how they ended. */
export class Rounds {
  readonly counts: RoundCounts = {
    accepted: 0,
    evaluated: 0,
    discarded: 0,
    refused: 0,
    trainFailed: 0,
    evaluateFailed: 0,
    missed: 0,
    over: 0,
  };
  readonly receipts: Receipt[] = [];
  readonly #context: RoundContext;
  readonly #failedRoundsMax: number;
  /** How many rounds in a row ended the same bad way. */
  #streak: { ending: keyof RoundCounts; rounds: number } = { ending: 'accepted', rounds: 0 };
  /** Answers to heartbeats up to this number may still speak of a selection that was taken up, or is void. */
  #selectedAfter = 0;
  /** The same for `training`. */
  #trainingAfter = 0;
  /** A round that this client is out of, which the server could not be told. */
  #satOut: Pick<Heartbeat, 'run' | 'round'> | null = null;

  constructor(context: RoundContext, failedRoundsMax: number) {
    this.#context = context;
    this.#failedRoundsMax = failedRoundsMax;
  }

  /** Whether this answer calls the client to work. `training`, without a ticket: the answer with the ticket was lost. */
  isCall({ beat, number }: Heard): boolean {
    if (beat.state === 'selected') return number > this.#selectedAfter;
    if (beat.state !== 'training' || number <= this.#trainingAfter) return false;
    return beat.run !== this.#satOut?.run || beat.round !== this.#satOut.round;
  }

  /**
   * Takes up a selection, and works on its round until that is over for this client.
   * @throws TrainingFailedError, ServerUnavailableError, a refusal that the client can do nothing about, or the signal's reason.
   */
  async takePart({ beat }: Heard, signal: AbortSignal): Promise<void> {
    const { heartbeats } = this.#context;
    const ticket = await this.#takeUp(beat, signal);
    this.#selectedAfter = heartbeats.sent;
    if (ticket) await this.#work(ticket, signal);
    this.#trainingAfter = heartbeats.sent;
    heartbeats.disown();
    // The held heartbeat goes by the selection that is void, and would be held even if this client is selected anew.
    if (!ticket) heartbeats.askAgain();
  }

  async #takeUp({ round }: Heartbeat, signal: AbortSignal): Promise<ClientTicket | null> {
    try {
      return await takeUp(this.#context, signal);
    } catch (error) {
      if (!(error instanceof ServerUnavailableError) || lacksAggregator(error)) throw error;
      this.#fail('missed', round, error);
      return null;
    }
  }

  async #work(ticket: ClientTicket, signal: AbortSignal): Promise<void> {
    const { membership, emit } = this.#context;
    const { run, round, task, modelVersion } = ticket;
    const { epoch } = membership;
    emit({ type: 'selected', run, round, task, modelVersion, deadlineAtMs: localDeadline(ticket) });
    const assignment = { ticket, since: this.#selectedAfter, signal };
    try {
      if (task === 'evaluate') {
        await workOnEvaluation(this.#context, assignment);
        this.#count('evaluated');
        return;
      }
      const receipt = await workOnRound(this.#context, assignment);
      this.receipts.push(receipt);
      if (this.receipts.length > receiptsMax) this.receipts.shift();
      this.#count('accepted');
    } catch (error) {
      signal.throwIfAborted();
      await this.#endBy(error, ticket, epoch, signal);
    }
  }

  async #endBy(error: unknown, ticket: ClientTicket, epoch: number, signal: AbortSignal): Promise<void> {
    const { membership, emit } = this.#context;
    const { round } = ticket;
    if (error instanceof RoundOver) {
      this.#count('over');
    } else if (isRefusal(error, 'UPDATE_DISCARDED', 'EVALUATION_DISCARDED', 'CLIENT_NOT_SELECTED')) {
      emit({ type: 'discarded', round, detail: error.detail });
      this.#count('discarded');
    } else if (isForgotten(error)) {
      emit({ type: 'roundOver', round, reason: 'the server does not know this client any more' });
      this.#count('over');
      await membership.rejoin(epoch, signal);
    } else if (error instanceof TrainFailed) {
      this.#fail('trainFailed', round, error.cause);
      await this.#sitOut(ticket, signal);
    } else if (error instanceof EvaluateFailed) {
      // It can still train.
      emit({ type: 'evaluateFailed', round, error: error.cause });
      this.#count('evaluateFailed');
      await this.#sitOut(ticket, signal);
    } else if (error instanceof ServerUnavailableError || error instanceof VerdictMissed) {
      this.#fail('missed', round, error);
      await this.#sitOut(ticket, signal);
    } else if (error instanceof ChorusHttpError) {
      const { code, detail, remedy } = error;
      emit({ type: 'refused', round, code, detail, remedy });
      this.#count('refused');
      const isSettled = isRefusal(error, 'UPDATE_CONFLICT', 'EVALUATION_CONFLICT', 'UPLOAD_ATTEMPTS_EXHAUSTED');
      if (!isSettled) await this.#sitOut(ticket, signal);
    } else {
      throw error;
    }
  }

  /** Counts a failure of this side. @throws when there were too many in a row. */
  #fail(ending: 'trainFailed' | 'missed', round: number, error: unknown): void {
    const inARow = this.#count(ending);
    this.#context.emit({ type: ending, round, error, inARow });
    if (inARow < this.#failedRoundsMax) return;
    if (ending === 'trainFailed') throw new TrainingFailedError(inARow, error);
    const message = `${inARow} rounds in a row were missed; the last failure: ${messageOf(error)}`;
    throw new ServerUnavailableError(message, { attempts: inARow, elapsedMs: 0, cause: error });
  }

  /** Lets the server know that nothing comes from this client in this round, if it still waits for it. */
  async #sitOut({ run, round }: ClientTicket, signal: AbortSignal): Promise<void> {
    const { heartbeats, membership } = this.#context;
    const { latest } = heartbeats;
    if (latest && latest.number > this.#selectedAfter && !isWantedIn(latest, round)) return;
    this.#satOut = (await membership.stepOut(signal)) ? null : { run, round };
  }

  #count(ending: keyof RoundCounts): number {
    this.counts[ending] += 1;
    // Neither says anything of whether this client can train.
    if (ending === 'over' || ending === 'evaluated' || ending === 'evaluateFailed') return 0;
    this.#streak = { ending, rounds: ending === this.#streak.ending ? this.#streak.rounds + 1 : 1 };
    return this.#streak.rounds;
  }
}
