import type { Heartbeat, Receipt } from '../domain/handle.ts';
import type { ClientTicket, DownloadedModel } from './chorus-client.ts';
import { type Heard, isWantedIn } from './heartbeats.ts';
import type { RoundContext } from './round-context.ts';
import { RoundOver, type RoundWatch, watchRound } from './round-watch.ts';
import type { TrainingTask } from './task.ts';
import { encodeUpdate } from './tensors.ts';
import { asHolder, localDeadline } from './ticket.ts';
import { unlessAborted } from './timers.ts';

/** How long an upload waits for its verdict when the server is on to the next round already, ms. */
const verdictGraceMs = 5_000;

/** `train` threw, or returned what is no update: that is its cause. */
export class TrainFailed extends Error {
  override readonly name = 'TrainFailed';
}

/** The update, or the result, was sent, perhaps more than once, and whether it counts was not heard. */
export class VerdictMissed extends Error {
  override readonly name = 'VerdictMissed';
}

/** What a client was given to work on. */
export interface Assignment {
  readonly ticket: ClientTicket;
  /** The number of heartbeats sent when the ticket came: only later ones know of it. */
  readonly since: number;
  /** The participant's own. */
  readonly signal: AbortSignal;
}

/**
 * Works on one round: fetches the model, trains, and delivers the update.
 * @throws TrainFailed, VerdictMissed, RoundOver (which the listener was told of), refusals, ServerUnavailableError.
 */
export async function workOnRound(context: RoundContext, assignment: Assignment): Promise<Receipt> {
  const { ticket, signal } = assignment;
  const update = await atWork(context, assignment, (model, watch) =>
    train(context, taskOf(ticket, model, watch.signal), watch, signal),
  );
  const receipt = await deliver(context, assignment, (watch) =>
    asHolder(context, 'upload', ticket, watch, (current) =>
      context.client.upload(current, update, { signal: watch.signal }),
    ),
  );
  context.emit({ type: 'uploaded', receipt, bytes: update.byteLength });
  return receipt;
}

/** Fetches the model and works with it, as long as this client is wanted in the round. */
export async function atWork<T>(
  context: RoundContext,
  { ticket, since, signal }: Assignment,
  work: (model: DownloadedModel | null, watch: RoundWatch) => Promise<T>,
): Promise<T> {
  const { heartbeats, clock, emit } = context;
  const { round } = ticket;
  // Whatever it heard until now: from here on it is in training, and is to hear when that is no longer so.
  heartbeats.claim({ state: 'training', round });
  const watch = watchRound(heartbeats, {
    reasonIn: (heard) => (heard.number <= since || isWantedIn(heard, round) ? null : goneOn(heard, round)),
    signal,
    clock,
    onOver: (reason) => {
      // `train` may take its time to end.
      heartbeats.claim(null);
      emit({ type: 'roundOver', round, reason });
    },
  });
  try {
    return await work(await download(context, ticket, watch), watch);
  } finally {
    watch.stop();
    heartbeats.claim(null);
  }
}

const goneOn = ({ beat }: Heard, round: number): string =>
  `the server has gone on without this client: round ${beat.round}, ${beat.state}, instead of round ${round}, training`;

async function download(
  context: RoundContext,
  ticket: ClientTicket,
  watch: RoundWatch,
): Promise<DownloadedModel | null> {
  const { client, emit } = context;
  const { signal } = watch;
  const model = await asHolder(context, 'download', ticket, watch, (current) =>
    client.downloadModel(current, { signal }),
  );
  emit({
    type: 'downloaded',
    round: ticket.round,
    modelVersion: model === null ? null : ticket.modelVersion,
    bytes: model?.byteLength ?? 0,
  });
  return model;
}

export function taskOf(ticket: ClientTicket, model: DownloadedModel | null, signal: AbortSignal): TrainingTask {
  const { run, round, modelVersion, hyperparameters, clientId, traceparent = null } = ticket;
  return {
    run,
    round,
    modelVersion: model === null ? null : modelVersion,
    tensors: model?.tensors ?? null,
    metadata: model?.metadata ?? {},
    hyperparameters,
    deadlineAtMs: localDeadline(ticket),
    clientId,
    traceparent,
    signal,
  };
}

/** @param signal the participant's own: when it is aborted, nothing is waited for any more. */
async function train(
  context: RoundContext,
  task: TrainingTask,
  watch: RoundWatch,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const { clock, emit } = context;
  const startedAtMs = clock.now();
  try {
    const training = (async () => context.train(task))();
    // When only the round is over, it is waited for all the same: the next call must find this one ended.
    const result = await unlessAborted(training, signal);
    watch.signal.throwIfAborted();
    const update = encodeUpdate(result);
    const { numExamples, metrics = {} } = result;
    emit({ type: 'trained', round: task.round, numExamples, metrics, durationMs: clock.now() - startedAtMs });
    return update;
  } catch (error) {
    watch.signal.throwIfAborted();
    throw new TrainFailed('train failed', { cause: error });
  }
}

/**
 * Sends until there is a verdict. That the client is on standby tells nothing here: it is so as soon as what it sends is
 * accepted, before the answer is here. Selected anew, or finished, it waits a little for that answer, and goes on.
 */
export async function deliver(
  { clock, heartbeats }: RoundContext,
  { ticket, since, signal }: Assignment,
  send: (watch: RoundWatch) => Promise<Receipt>,
): Promise<Receipt> {
  const watch = watchRound(heartbeats, {
    reasonIn: ({ beat, number }) => (number > since && isElsewhere(beat) ? beat.state : null),
    signal,
    clock,
    graceMs: verdictGraceMs,
  });
  try {
    return await send(watch);
  } catch (error) {
    if (!(error instanceof RoundOver)) throw error;
    const detail = `The server has gone on (${error.message}), and no answer to what was sent for round ${ticket.round} came`;
    throw new VerdictMissed(detail);
  } finally {
    watch.stop();
  }
}

const isElsewhere = ({ state }: Heartbeat): boolean => state === 'selected' || state === 'finished';
