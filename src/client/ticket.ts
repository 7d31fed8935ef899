import { aggregatorOf, type ClientTicket } from './chorus-client.ts';
import { ChorusNetworkError, isForgotten, isRefusal, ServerUnavailableError } from './errors.ts';
import type { RoundContext } from './round-context.ts';
import { RoundOver, type RoundWatch, watchRound } from './round-watch.ts';

/** How long a coordinator may name no aggregator: a restart of it takes seconds, ms. */
const noAggregatorMsMax = 30_000;
/** How often, in one transfer, a token that the aggregator does not know is taken to the coordinator again. */
const renewalsMax = 3;

/**
 * Takes up a selection.
 * @returns null when the client is not selected any more, or not known: back to heartbeats.
 * @throws ServerUnavailableError, also when the coordinator names no aggregator; a refusal; the signal's reason.
 */
export async function takeUp(context: RoundContext, signal: AbortSignal): Promise<ClientTicket | null> {
  const { client, clock, heartbeats, membership } = context;
  const { epoch } = membership;
  const watch = watchRound(heartbeats, {
    reasonIn: ({ beat }) => (beat.state === 'standby' || beat.state === 'finished' ? beat.state : null),
    signal,
    clock,
  });
  let withoutSinceMs: number | null = null;
  try {
    return await context.retry(
      'training',
      async () => {
        const ticket = await client.startTraining({ signal: watch.signal });
        if (ticket.aggregatorUrl === null) withoutSinceMs ??= clock.now();
        mustHaveAggregator(ticket, withoutSinceMs === null ? 0 : clock.now() - withoutSinceMs);
        return ticket;
      },
      { signal: watch.signal },
    );
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof RoundOver || isRefusal(error, 'CLIENT_NOT_SELECTED')) return null;
    if (!isForgotten(error)) throw error;
    await membership.rejoin(epoch, signal);
    return null;
  } finally {
    watch.stop();
  }
}

/** @throws a failure that is tried again, until it has lasted too long. */
function mustHaveAggregator(ticket: ClientTicket, elapsedMs: number): void {
  try {
    aggregatorOf(ticket);
  } catch (cause) {
    if (elapsedMs < noAggregatorMsMax || !(cause instanceof Error)) throw cause;
    throw new ServerUnavailableError(cause.message, { attempts: 1, elapsedMs, cause });
  }
}

/** Whether a client can take part in no round of this server. */
export const lacksAggregator = (error: unknown): boolean =>
  error instanceof ServerUnavailableError &&
  error.cause instanceof ChorusNetworkError &&
  error.cause.kind === 'noAggregator';

/**
 * Calls the aggregator until it goes well, at most until the ticket's deadline. An aggregator that restarted may not
 * know the ticket's token yet: asked for the ticket again, the coordinator tells it.
 */
export function asHolder<T>(
  context: RoundContext,
  name: string,
  ticket: ClientTicket,
  watch: RoundWatch,
  act: (ticket: ClientTicket) => Promise<T>,
): Promise<T> {
  let current = ticket;
  let renewals = 0;
  const attempt = async (): Promise<T> => {
    try {
      return await act(current);
    } catch (error) {
      if (!isRefusal(error, 'TRAINING_TOKEN_INVALID') || renewals >= renewalsMax) throw error;
      renewals += 1;
      current = await renew(context, current, watch);
      return act(current);
    }
  };
  return context.retry(name, attempt, { signal: watch.signal, untilMs: localDeadline(ticket) });
}

/** The same ticket again; one for another model would not go with what was trained. */
async function renew({ client }: RoundContext, ticket: ClientTicket, watch: RoundWatch): Promise<ClientTicket> {
  const again = await client.startTraining({ signal: watch.signal });
  const isSame =
    again.run === ticket.run &&
    again.round === ticket.round &&
    again.task === ticket.task &&
    again.modelVersion === ticket.modelVersion;
  if (!isSame) watch.end(`round ${again.round} has begun`);
  watch.signal.throwIfAborted();
  return again;
}

/** The ticket's deadline by this machine's clock. */
export const localDeadline = ({ deadlineAtMs, serverAheadMs }: ClientTicket): number => deadlineAtMs - serverAheadMs;
