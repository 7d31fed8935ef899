import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { errorCatalogue } from '../../domain/errors.ts';

export interface OpenApiOptions {
  title: string;
  description: string;
  /** Token kinds that routes of this service ask for, with what they are. */
  tokens: Readonly<Record<string, string>>;
}

/** Collects the routes registered after it; served as `/openapi.json`, shown at `/docs`, refusals at `/docs/errors`. */
export async function describeApi(app: FastifyInstance, { title, description, tokens }: OpenApiOptions): Promise<void> {
  const securitySchemes = Object.fromEntries(
    Object.entries(tokens).map(([name, about]) => [
      name,
      { type: 'http' as const, scheme: 'bearer', description: about },
    ]),
  );
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title, description, version: '1', license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
      components: { securitySchemes },
    },
  });
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true });
  const hidden = { schema: { hide: true } };
  app.get('/openapi.json', hidden, async () => app.swagger());
  app.get('/docs/errors', hidden, async (_request, reply) =>
    reply.type('text/html; charset=utf-8').header('content-security-policy', "default-src 'none'").send(errorsPage()),
  );
}

function errorsPage(): string {
  const rows = Object.entries(errorCatalogue).map(
    ([code, { status, title, remedy }]) =>
      `<tr id="${code}"><td><code>${code}</code><td>${status}<td>${escapeHtml(title)}<td>${escapeHtml(remedy)}`,
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Refusals</title><h1>Refusals</h1><table><thead><tr><th>Code<th>Status<th>What<th>What to do</thead><tbody>${rows.join('')}</table></html>`;
}

const escapeHtml = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');
