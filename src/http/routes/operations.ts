import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { ChorusError } from '../../domain/errors.ts';
import type { CoordinatorHandle } from '../../domain/handle.ts';
import { limitByAddress } from '../base-app.ts';
import { adminOnly } from '../plugins/bearer.ts';
import { originOf } from '../plugins/origin.ts';
import { bearer, problems } from '../schemas/common.ts';
import { AuditQuery, AuditReply, OperationBody, OperationReply, operationOf } from '../schemas/operations.ts';

interface OperationRoutesOptions {
  handle: CoordinatorHandle;
  adminToken: string;
}

/** What an operator does to a run in progress, and what operators did. */
export const operationRoutes: FastifyPluginAsyncTypebox<OperationRoutesOptions> = async (
  app,
  { handle, adminToken },
) => {
  limitByAddress(app);
  const tags = ['operating'];
  const security = bearer('admin');
  const onRequest = adminOnly(adminToken);

  app.post(
    '/v1/operations',
    {
      onRequest,
      schema: {
        tags,
        security,
        summary: 'Do something to the run in progress, or only tell what would happen',
        body: OperationBody,
        response: { 200: OperationReply, ...problems(400, 401, 404, 409, 429, 503) },
      },
    },
    async (request) => {
      const { dryRun, ...given } = request.body;
      const operation = operationOf(given);
      if (typeof operation === 'string') throw new ChorusError('REQUEST_INVALID', operation);
      return handle.operate(operation, { dryRun, origin: originOf(request) }) as never;
    },
  );

  app.get(
    '/v1/audit',
    {
      onRequest,
      schema: {
        tags,
        security,
        summary: 'What operators did, newest first; each entry holds the hash of the one before',
        querystring: AuditQuery,
        response: { 200: AuditReply, ...problems(400, 401, 429) },
      },
    },
    async (request, reply) =>
      reply.header('cache-control', 'no-store').send(handle.audit(request.query.limit) as never),
  );
};
