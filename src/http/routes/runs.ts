import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { ChorusError } from '../../domain/errors.ts';
import type { CoordinatorHandle } from '../../domain/handle.ts';
import type { HttpLimits } from '../../domain/http.ts';
import { limitByAddress } from '../base-app.ts';
import { adminOnly } from '../plugins/bearer.ts';
import { originOf } from '../plugins/origin.ts';
import { readWhole } from '../read-body.ts';
import { bearer, problems } from '../schemas/common.ts';
import { ModelReply, RunBody, RunReply, StatusReply } from '../schemas/coordinator.ts';
import { Type } from '../schemas/type.ts';

interface RunRoutesOptions {
  handle: CoordinatorHandle;
  adminToken: string;
  limits: HttpLimits;
}

/** What the operator asks of runs. */
export const runRoutes: FastifyPluginAsyncTypebox<RunRoutesOptions> = async (app, { handle, adminToken, limits }) => {
  limitByAddress(app);
  const tags = ['runs'];
  const security = bearer('admin');
  const onRequest = adminOnly(adminToken);

  app.post(
    '/v1/runs',
    {
      onRequest,
      schema: {
        tags,
        security,
        summary: 'Start a run',
        description: 'The body is the plan: settings by name; what is left out comes from the server’s settings.',
        body: RunBody,
        response: { 201: RunReply, ...problems(400, 401, 409, 429, 503) },
      },
    },
    async (request, reply) => reply.code(201).send(handle.startRun(request.body ?? {}, originOf(request))),
  );

  app.get(
    '/v1/runs/current',
    {
      schema: {
        tags,
        summary: 'The current or last run, with its plan',
        response: { 200: RunReply, ...problems(404, 429) },
      },
    },
    async () => {
      const run = handle.run();
      if (!run) throw new ChorusError('RUN_UNKNOWN', 'No run was started yet');
      return run;
    },
  );

  for (const verb of ['pause', 'resume', 'stop'] as const) {
    app.post(
      `/v1/runs/current/${verb}`,
      {
        onRequest,
        schema: {
          tags,
          security,
          summary: {
            pause: 'Let the open round end, then open no more',
            resume: 'Go on',
            stop: 'Abandon the open round and end the run',
          }[verb],
          response: { 200: StatusReply, ...problems(401, 409, 429) },
        },
      },
      async (request) =>
        ({ pause: handle.pauseRun, resume: handle.resumeRun, stop: handle.stopRun })[verb](originOf(request)),
    );
  }

  await app.register(async (raw) => {
    // The model is read by the handler, piece by piece and within its bound.
    raw.removeAllContentTypeParsers();
    raw.addContentTypeParser('*', (_request, _payload, done) => done(null));
    raw.put(
      '/v1/runs/:run/model',
      {
        onRequest,
        bodyLimit: limits.modelBytesMax,
        schema: {
          tags,
          security,
          summary: 'Install the initial model, as safetensors',
          consumes: ['application/octet-stream'],
          params: Type.Object({ run: Type.String() }),
          response: { 200: ModelReply, ...problems(400, 401, 404, 408, 409, 413, 422, 429, 503) },
        },
      },
      async (request) => {
        const { run } = request.params as { run: string };
        const current = handle.run();
        if (current?.run !== run)
          throw new ChorusError('RUN_UNKNOWN', `Run ${run.slice(0, 64)} is not the current run`);
        const bytes = await readWhole(request.raw, Math.min(limits.modelBytesMax, current.plan.payloadBytesMax), {
          idleMsMax: limits.uploadIdleMsMax,
          bytesPerSecondMin: limits.uploadBytesPerSecondMin,
        });
        return handle.installModel(run, bytes);
      },
    );
  });
};
