import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { CoordinatorHandle } from '../../domain/handle.ts';
import { limitByAddress } from '../base-app.ts';
import { adminOnly } from '../plugins/bearer.ts';
import { bearer, problems } from '../schemas/common.ts';
import {
  RoundQuery,
  RoundReply,
  RoundsQuery,
  RoundsReply,
  SelectionReply,
  StatusReply,
} from '../schemas/coordinator.ts';
import { Type } from '../schemas/type.ts';

/** What anybody may read of the run and its rounds, and what only an operator may. */
export const roundRoutes: FastifyPluginAsyncTypebox<{ handle: CoordinatorHandle; adminToken: string }> = async (
  app,
  { handle, adminToken },
) => {
  limitByAddress(app);
  const tags = ['rounds'];

  app.get(
    '/v1/status',
    {
      schema: {
        tags,
        summary: 'What the run is doing, and what it waits for',
        response: { 200: StatusReply, ...problems(429) },
      },
    },
    async () => handle.status(),
  );

  app.get(
    '/v1/rounds',
    {
      schema: {
        tags,
        summary: 'The attempts at rounds, newest first',
        querystring: RoundsQuery,
        response: { 200: RoundsReply, ...problems(400, 429) },
      },
    },
    async (request) => ({ rounds: handle.rounds(request.query.limit) }),
  );

  app.get(
    '/v1/rounds/:round',
    {
      schema: {
        tags,
        summary: 'The newest attempt at one round of the current run, or at the evaluation of its model',
        params: Type.Object({ round: Type.Integer({ minimum: 1 }) }),
        querystring: RoundQuery,
        response: { 200: RoundReply, ...problems(400, 404, 429) },
      },
    },
    async (request) => handle.round(request.params.round, request.query.kind),
  );

  app.get(
    '/v1/rounds/:round/selection/:clientId',
    {
      onRequest: adminOnly(adminToken),
      schema: {
        tags,
        summary: 'Why a client was chosen for a round, or was not',
        security: bearer('admin'),
        params: Type.Object({ round: Type.Integer({ minimum: 1 }), clientId: Type.String({ minLength: 1 }) }),
        response: { 200: SelectionReply, ...problems(400, 401, 404, 429) },
      },
    },
    async (request) => handle.selection(request.params.round, request.params.clientId),
  );
};
