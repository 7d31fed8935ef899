import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import type { Upload, UploadGate } from '../../domain/aggregation.ts';
import { ChorusError } from '../../domain/errors.ts';
import type { HttpLimits } from '../../domain/http.ts';
import { limitByAddress } from '../base-app.ts';
import { bearerOf } from '../plugins/bearer.ts';
import { readBody } from '../read-body.ts';
import { RoundParams, UpdateParams, VerdictReply } from '../schemas/aggregator.ts';
import { Bytes, bearer, problems } from '../schemas/common.ts';
import { Type } from '../schemas/type.ts';
import { sendModel } from '../send-model.ts';

/** What clients in training ask of the aggregator. */
export const updateRoutes: FastifyPluginAsyncTypebox<{ gate: UploadGate; limits: HttpLimits }> = async (
  app,
  { gate, limits },
) => {
  limitByAddress(app);
  const tags = ['training'];
  const security = bearer('training');
  // Bodies are read by the handler, piece by piece, straight into staging memory.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));

  app.get(
    '/v1/rounds/:round/model',
    {
      schema: {
        tags,
        security,
        summary: 'The global model this round starts from, as safetensors; with ETag and Range',
        params: RoundParams,
        produces: ['application/octet-stream'],
        response: {
          200: Bytes,
          204: Type.Null(),
          206: Bytes,
          304: Type.Null(),
          ...problems(400, 401, 403, 410, 416, 429),
        },
      },
    },
    async (request, reply) => {
      const model = gate.beginDownload({ round: request.params.round, trainingToken: bearerOf(request) });
      if (!model) return reply.code(204).send(null);
      return sendModel(request, reply, model.info, model.bytes);
    },
  );

  app.put(
    '/v1/rounds/:round/updates/:clientId',
    {
      schema: {
        tags,
        security,
        summary: 'Upload an update as safetensors, with num_examples and metrics in __metadata__',
        description: 'Answered once the client is settled. The same bytes again get the same receipt.',
        params: UpdateParams,
        consumes: ['application/octet-stream'],
        response: { 200: VerdictReply, ...problems(400, 401, 403, 408, 409, 410, 413, 422, 429, 503) },
      },
      // Before the body is asked for: what can be refused from the headers is.
      onRequest: (request, reply, done) => {
        uploads.set(request, beginUpload(request));
        // A request that ends before its handler takes the upload over gives its memory back all the same.
        reply.raw.once('close', () => uploads.get(request)?.abort());
        done();
      },
    },
    async (request) => {
      const upload = uploads.get(request);
      if (!upload) throw new ChorusError('INTERNAL');
      uploads.delete(request);
      try {
        await upload.ready();
        await readBody(
          request.raw,
          {
            idleMsMax: limits.uploadIdleMsMax,
            bytesPerSecondMin: limits.uploadBytesPerSecondMin,
            signal: upload.signal,
          },
          (piece) => upload.write(piece),
        );
      } catch (error) {
        upload.abort();
        throw error;
      }
      return { verdict: 'accepted' as const, receipt: await upload.finish() };
    },
  );

  const uploads = new WeakMap<FastifyRequest, Upload>();

  function beginUpload(request: FastifyRequest): Upload {
    const { round, clientId } = request.params as { round: string; clientId: string };
    const { 'content-length': length } = request.headers;
    if (request.headers['content-encoding'] !== undefined) {
      throw new ChorusError('UNSUPPORTED_MEDIA_TYPE', 'Content-Encoding is not taken: float weights do not compress');
    }
    return gate.beginUpload({
      round: Number(round),
      clientId,
      trainingToken: bearerOf(request),
      contentLength: length === undefined ? null : Number(length),
    });
  }
};
