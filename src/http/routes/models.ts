import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { CoordinatorHandle } from '../../domain/handle.ts';
import { limitByAddress } from '../base-app.ts';
import { Bytes, problems } from '../schemas/common.ts';
import { ModelsReply } from '../schemas/coordinator.ts';
import { Type } from '../schemas/type.ts';
import { sendModel } from '../send-model.ts';

/** The committed models. */
export const modelRoutes: FastifyPluginAsyncTypebox<{ handle: CoordinatorHandle }> = async (app, { handle }) => {
  limitByAddress(app);
  const tags = ['models'];

  app.get(
    '/v1/models',
    {
      schema: { tags, summary: 'The committed models, oldest first', response: { 200: ModelsReply, ...problems(429) } },
    },
    async () => ({ models: handle.models() }),
  );

  app.get(
    '/v1/models/:version',
    {
      schema: {
        tags,
        summary: 'A checkpoint as safetensors; with ETag and Range',
        params: Type.Object({
          version: Type.String({ pattern: '^(latest|[1-9]\\d{0,14})$', description: 'latest, or a version' }),
        }),
        produces: ['application/octet-stream'],
        response: { 200: Bytes, 206: Bytes, 304: Type.Null(), ...problems(400, 404, 416, 429) },
      },
    },
    async (request, reply) => {
      const { version } = request.params;
      const { info, bytes } = await handle.openModel(version === 'latest' ? version : Number(version));
      return sendModel(request, reply, info, bytes.buffer, bytes.byteOffset);
    },
  );
};
