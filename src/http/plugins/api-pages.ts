import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyPluginAsync, RouteOptions } from 'fastify';

export interface OpenApiOptions {
  title: string;
  description: string;
  /** Token kinds that routes of this service ask for, with what they are. */
  tokens: Readonly<Record<string, string>>;
}

/** The pages that describe an API: an app of their own, which has the routes of the real one by name only. */
export const apiPages = (
  { title, description, tokens }: OpenApiOptions,
  routes: readonly RouteOptions[],
): FastifyPluginAsync => {
  const securitySchemes = Object.fromEntries(
    Object.entries(tokens).map(([name, about]) => [
      name,
      { type: 'http' as const, scheme: 'bearer', description: about },
    ]),
  );
  return async (app) => {
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: { title, description, version: '1', license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
        components: { securitySchemes },
      },
    });
    await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true });
    app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
    app.setValidatorCompiler(() => () => true);
    app.setSerializerCompiler(() => (data) => JSON.stringify(data));
    for (const { method, url, schema } of routes) {
      app.route({ method, url, ...(schema ? { schema } : {}), handler: async () => null });
    }
  };
};
