import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { CoordinatorHandle } from '../../domain/handle.ts';
import { limitByAddress } from '../base-app.ts';
import { problems } from '../schemas/common.ts';
import { HistoryQuery, HistoryReply, MomentParams, MomentReply } from '../schemas/operations.ts';

/** Past moments that one address may look at in a minute: each can take the server a while. */
const momentsPerMinuteMax = 1_200;

/** What happened, and how things stood after it: as open as the rounds are. */
export const historyRoutes: FastifyPluginAsyncTypebox<{ handle: CoordinatorHandle }> = async (app, { handle }) => {
  const tags = ['history'];
  await app.register(async (pages: typeof app) => {
    limitByAddress(pages);
    pages.get(
      '/v1/history',
      {
        schema: {
          tags,
          summary: 'What happened, in words, in its order; the last of it, if not told otherwise',
          querystring: HistoryQuery,
          response: { 200: HistoryReply, ...problems(400, 429) },
        },
      },
      async (request) => handle.history(request.query),
    );
  });
  await app.register(async (moments: typeof app) => {
    moments.addHook('onRequest', moments.rateLimit({ max: momentsPerMinuteMax }));
    moments.get(
      '/v1/history/:seq',
      {
        schema: {
          tags,
          summary: 'How things stood right after one of its entries',
          params: MomentParams,
          response: { 200: MomentReply, ...problems(400, 404, 429) },
        },
      },
      async (request, reply) =>
        reply.header('cache-control', 'no-store').send((await handle.moment(request.params.seq)) as never),
    );
  });
};
