import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { planSchema } from '../../domain/plan-schema.ts';
import { limitByAddress } from '../base-app.ts';
import { problems } from '../schemas/common.ts';
import { Type } from '../schemas/type.ts';

/** Schemas of documents, for editors. */
export const schemaRoutes: FastifyPluginAsyncTypebox = async (app) => {
  limitByAddress(app);
  // Made once, when it is first asked for.
  let plan: string | null = null;

  app.get(
    '/schemas/plan.json',
    {
      schema: {
        tags: ['runs'],
        summary: 'The JSON Schema of a plan, for editors',
        produces: ['application/schema+json'],
        response: { 200: Type.String(), ...problems(429) },
      },
    },
    async (_request, reply) => {
      plan ??= JSON.stringify(planSchema());
      return reply.type('application/schema+json').header('cache-control', 'no-cache').send(plan);
    },
  );
};
