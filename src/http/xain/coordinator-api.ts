import type { FastifyPluginAsync, FastifyReply } from 'fastify';
import { ChorusError } from '../../domain/errors.ts';
import type { CoordinatorHandle } from '../../domain/handle.ts';

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** Ids remembered as finished; the oldest go first. */
const finishedIdsMax = 100_000;

type HeartbeatReply = { state: 'stand_by' | 'finish' | 'round' | 'reject'; round: number | null };

/**
 * The coordinator's side of the HTTP API of XAIN's 2020 proof of concept, on the same handle, for participants written
 * for it. They know nothing of tokens for registration: whoever knows an id is taken for its client.
 * Rounds count from 0 there, and `finish` is for good.
 */
export function xainCoordinatorApi(handle: CoordinatorHandle): FastifyPluginAsync {
  const finishedIds = new Set<string>();

  const isOver = (): boolean => {
    const state = handle.run()?.state;
    return state === 'finished' || state === 'stopped';
  };

  /** A participant that hears `finish` goes home, so it must not be selected by a later run. */
  function finish(id: string): HeartbeatReply {
    finishedIds.add(id);
    const [oldest] = finishedIds;
    if (finishedIds.size > finishedIdsMax && oldest !== undefined) finishedIds.delete(oldest);
    handle.leave(id);
    return { state: 'finish', round: null };
  }

  function beat(id: string): HeartbeatReply {
    if (finishedIds.has(id)) return { state: 'finish', round: null };
    try {
      const { state, round } = handle.heartbeat(id);
      if (isOver()) return finish(id);
      if (state === 'selected' || state === 'training') return { state: 'round', round: round - 1 };
      return { state: 'stand_by', round: null };
    } catch (error) {
      if (error instanceof ChorusError && error.code === 'CLIENT_UNKNOWN') return { state: 'reject', round: null };
      throw error;
    }
  }

  return async (app) => {
    app.get('/rendez_vous', { schema: { hide: true } }, async () => {
      if (isOver()) return { id: null, ok: false };
      return { id: handle.rendezvous().clientId, ok: true };
    });

    app.get<{ Params: { id: string } }>('/heartbeat/:id', { schema: { hide: true } }, async ({ params: { id } }) =>
      beat(mustBeUuid(id)),
    );

    app.get<{ Params: { id: string } }>('/start_training/:id', { schema: { hide: true } }, async ({ params }, reply) => {
      const id = mustBeUuid(params.id);
      try {
        const { aggregatorUrl, trainingToken } = await handle.startTraining(id);
        return { url: aggregatorUrl, token: trainingToken, ok: true };
      } catch (error) {
        return refuseTraining(error, reply);
      }
    });
  };
}

function mustBeUuid(id: string): string {
  if (!uuidPattern.test(id)) throw new ChorusError('NOT_FOUND', `${JSON.stringify(id.slice(0, 64))} is no UUID`);
  return id.toLowerCase();
}

/** "Not now" is an answer in that API, not an error. */
function refuseTraining(error: unknown, reply: FastifyReply) {
  if (!(error instanceof ChorusError)) throw error;
  if (error.code !== 'CLIENT_NOT_SELECTED' && error.code !== 'CLIENT_UNKNOWN') throw error;
  return reply.send({ url: null, token: null, ok: false });
}
