import type { FastifyPluginAsync } from 'fastify';
import { ChorusError } from '../../domain/errors.ts';
import type { CoordinatorHandle } from '../../domain/handle.ts';
import { uuidOf } from './ids.ts';
import { isRefusal, patiently } from './patience.ts';

/** Ids remembered as finished; the oldest go first. */
const finishedIdsMax = 100_000;
/** How long an aggregator that restarts is waited for, ms. */
const restartMsMax = 10_000;
const restartRetryMs = 200;
/** Marks the clients that came by this API: only they may be spoken for without a token. */
const cameByThisApi = { api: 'xain' };

type HeartbeatReply = { state: 'stand_by' | 'finish' | 'round' | 'reject'; round: number | null };

const standBy: HeartbeatReply = { state: 'stand_by', round: null };
const finished: HeartbeatReply = { state: 'finish', round: null };
const rejected: HeartbeatReply = { state: 'reject', round: null };
const notSelected = { url: null, token: null, ok: false };

/**
 * The coordinator's side of the HTTP API of XAIN's 2020 proof of concept, on the same handle, for participants written
 * for it. Rounds count from 0 there, and `finish` is for good. Its participants have no token for their identity:
 * whoever knows an id is taken for its client. So ids of clients that registered otherwise are unknown here.
 */
export function xainCoordinatorApi(handle: CoordinatorHandle): FastifyPluginAsync {
  const finishedIds = new Set<string>();

  /** Nobody is wanted; that goes for a run of deltas as well, since these participants send whole weights. */
  function isOver(): boolean {
    const run = handle.run();
    return run !== null && (run.state === 'finished' || run.state === 'stopped' || run.plan.updateKind === 'deltas');
  }

  /** A participant that hears `finish` goes home, so it must not be selected by a later run. */
  function sendHome(id: string): HeartbeatReply {
    finishedIds.add(id);
    const [oldest] = finishedIds;
    if (finishedIds.size > finishedIdsMax && oldest !== undefined) finishedIds.delete(oldest);
    handle.leave(id);
    return finished;
  }

  /** @throws CLIENT_UNKNOWN */
  function mustBeOurs(id: string): void {
    if (handle.client(id).attributes?.api !== cameByThisApi.api) throw new ChorusError('CLIENT_UNKNOWN');
  }

  function beat(id: string): HeartbeatReply {
    if (finishedIds.has(id)) return finished;
    try {
      mustBeOurs(id);
      const { state, round } = handle.heartbeat(id);
      if (isOver()) return sendHome(id);
      return state === 'selected' || state === 'training' ? { state: 'round', round: round - 1 } : standBy;
    } catch (error) {
      if (isRefusal(error, ['CLIENT_UNKNOWN'])) return rejected;
      throw error;
    }
  }

  async function startTraining(id: string, isGone: () => boolean) {
    try {
      mustBeOurs(id);
      const { aggregatorUrl, trainingToken } = await patiently(() => handle.startTraining(id), {
        // The latter while a new life of the aggregator has not been told of the round yet.
        passing: ['AGGREGATOR_UNAVAILABLE', 'UPDATE_DISCARDED'],
        waitMsMax: restartMsMax,
        retryMs: restartRetryMs,
        isGone,
      });
      if (aggregatorUrl === null) throw new ChorusError('AGGREGATOR_UNAVAILABLE', 'The aggregator does not listen');
      return { url: aggregatorUrl, token: trainingToken, ok: true };
    } catch (error) {
      if (isRefusal(error, ['CLIENT_NOT_SELECTED', 'CLIENT_UNKNOWN'])) return notSelected;
      throw error;
    }
  }

  return async (app) => {
    // These requests do something: no HEAD of them, and no answer out of a cache.
    const options = { schema: { hide: true }, exposeHeadRoute: false };
    app.addHook('onRequest', async (_request, reply) => void reply.header('cache-control', 'no-store'));

    app.get('/rendez_vous', options, async () => {
      if (isOver()) return { id: null, ok: false };
      return { id: handle.rendezvous({ attributes: cameByThisApi }).clientId, ok: true };
    });

    app.get<{ Params: { id: string } }>('/heartbeat/:id', options, async ({ params }) => beat(uuidOf(params.id)));

    app.get<{ Params: { id: string } }>('/start_training/:id', options, async ({ params, raw }) =>
      startTraining(uuidOf(params.id), () => raw.socket.destroyed),
    );
  };
}
