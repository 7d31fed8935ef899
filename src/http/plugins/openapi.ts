import type { FastifyInstance, RouteOptions } from 'fastify';
import { errorCatalogue } from '../../domain/errors.ts';
import type { OpenApiOptions } from './api-pages.ts';
import { serveWhenAsked } from './when-asked.ts';

/** Collects the routes registered after it; served as `/openapi.json`, shown at `/docs`, refusals at `/docs/errors`. */
export function describeApi(app: FastifyInstance, options: OpenApiOptions): void {
  const hidden = { schema: { hide: true } };
  app.get('/docs/errors', hidden, async (_request, reply) =>
    reply.type('text/html; charset=utf-8').header('content-security-policy', "default-src 'none'").send(errorsPage()),
  );
  const routes: RouteOptions[] = [];
  serveWhenAsked(app, ['/openapi.json', '/docs', '/docs/*'], async () => {
    const { apiPages } = await import('./api-pages.ts');
    return apiPages(options, routes);
  });
  app.addHook('onRoute', (route) => {
    if (route.method !== 'HEAD') routes.push(route);
  });
}

function errorsPage(): string {
  const rows = Object.entries(errorCatalogue).map(
    ([code, { status, title, remedy }]) =>
      `<tr id="${code}"><td><code>${code}</code><td>${status}<td>${escapeHtml(title)}<td>${escapeHtml(remedy)}`,
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Refusals</title><h1>Refusals</h1><table><thead><tr><th>Code<th>Status<th>What<th>What to do</thead><tbody>${rows.join('')}</table></html>`;
}

const escapeHtml = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');
