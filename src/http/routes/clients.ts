import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { CoordinatorHandle, Heartbeat } from '../../domain/handle.ts';
import type { HttpLimits } from '../../domain/http.ts';
import { beat } from '../heartbeat.ts';
import { adminOnly, clientOnly, identifyClients, mustBeClient } from '../plugins/bearer.ts';
import type { Rates } from '../rates.ts';
import { bearer, ClientParams, problems } from '../schemas/common.ts';
import {
  ClientReply,
  ClientsQuery,
  ClientsReply,
  EvaluationBody,
  HeartbeatBody,
  HeartbeatReply,
  RegistrationReply,
  RendezvousBody,
  ResultReply,
  TrainingReply,
} from '../schemas/coordinator.ts';
import { Type } from '../schemas/type.ts';

interface ClientRoutesOptions {
  handle: CoordinatorHandle;
  adminToken: string;
  limits: HttpLimits;
  rates: Rates;
}

/** What clients ask of the coordinator, and what operators ask about clients. */
export const clientRoutes: FastifyPluginAsyncTypebox<ClientRoutesOptions> = async (
  app,
  { handle, adminToken, limits, rates },
) => {
  const tags = ['clients'];
  identifyClients(app, { handle, limits, rates });
  const asClient = { onRequest: clientOnly(handle) };

  app.post(
    '/v1/clients',
    {
      schema: {
        tags,
        summary: 'Register',
        description: 'With clientId and its token: register again after a restart, keeping the identity.',
        security: [{}, ...bearer('client')],
        body: RendezvousBody,
        response: { 201: RegistrationReply, ...problems(400, 401, 404, 429, 503) },
      },
    },
    async (request, reply) => {
      const wanted = request.body ?? {};
      if (wanted.clientId !== undefined) mustBeClient(handle, wanted.clientId, request);
      return reply.code(201).header('cache-control', 'no-store').send(handle.rendezvous(wanted));
    },
  );

  app.post(
    '/v1/clients/:clientId/heartbeat',
    {
      ...asClient,
      schema: {
        tags,
        summary: 'Show that the client is there, and hear what it is to do',
        security: bearer('client'),
        params: ClientParams,
        headers: Type.Object({
          prefer: Type.Optional(
            Type.String({
              description: `wait=N: hold the answer until there is news, or N seconds (at most ${limits.waitSecondsMax})`,
            }),
          ),
        }),
        body: HeartbeatBody,
        response: { 200: HeartbeatReply, ...problems(401, 404, 429, 503) },
      },
    },
    async (request, reply): Promise<Heartbeat> => {
      const { params, headers, body } = request;
      const asked = { clientId: params.clientId, prefer: headers.prefer, known: body };
      const { waitSeconds, answer } = beat({ handle, limits }, asked, reply.raw);
      if (waitSeconds > 0) void reply.header('preference-applied', `wait=${waitSeconds}`);
      return answer;
    },
  );

  app.post(
    '/v1/clients/:clientId/training',
    {
      ...asClient,
      schema: {
        tags,
        summary: 'Start training; asked again, the same token',
        security: bearer('client'),
        params: ClientParams,
        response: { 200: TrainingReply, ...problems(401, 404, 409, 429, 503) },
      },
    },
    async (request, reply) =>
      reply.header('cache-control', 'no-store').send(await handle.startTraining(request.params.clientId)),
  );

  app.post(
    '/v1/clients/:clientId/evaluation',
    {
      ...asClient,
      schema: {
        tags,
        summary: 'Report what was measured of the model; the same result again, the same receipt',
        security: bearer('client'),
        params: ClientParams,
        body: EvaluationBody,
        response: { 200: ResultReply, ...problems(400, 401, 404, 409, 410, 413, 422, 429, 503) },
      },
    },
    async (request, reply) => {
      const receipt = await handle.reportEvaluation(request.params.clientId, request.body);
      return reply.header('cache-control', 'no-store').send({ verdict: 'accepted' as const, receipt });
    },
  );

  app.delete(
    '/v1/clients/:clientId',
    {
      ...asClient,
      schema: {
        tags,
        summary: 'Leave',
        security: bearer('client'),
        params: ClientParams,
        response: { 204: Type.Null(), ...problems(401, 404, 429) },
      },
    },
    async (request, reply) => {
      handle.leave(request.params.clientId);
      return reply.code(204).send(null);
    },
  );

  app.get(
    '/v1/clients',
    {
      onRequest: adminOnly(adminToken),
      schema: {
        tags,
        summary: 'List clients, page by page',
        security: bearer('admin'),
        querystring: ClientsQuery,
        response: { 200: ClientsReply, ...problems(400, 401, 429) },
      },
    },
    async (request) => handle.clients(request.query),
  );

  app.get(
    '/v1/clients/:clientId',
    {
      onRequest: adminOnly(adminToken),
      schema: {
        tags,
        summary: 'Show one client',
        security: bearer('admin'),
        params: ClientParams,
        response: { 200: ClientReply, ...problems(401, 404, 429) },
      },
    },
    async (request) => handle.client(request.params.clientId),
  );
};
