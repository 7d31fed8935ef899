import fastifyStatic from '@fastify/static';
// Types `hide`, which keeps a route out of the OpenAPI document.
import type {} from '@fastify/swagger';
import type { FastifyPluginAsync } from 'fastify';
import { ChorusError } from '../domain/errors.ts';
import { builtFiles } from './built-files.ts';

/** Only our own files and our own API: no inline script or style, no other origin. */
const pageHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
};

const hidden = { hide: true };

/** The dashboard's page, at `/`, and its files, whose names change with their content. */
export const dashboardPage: FastifyPluginAsync = async (app) => {
  const root = builtFiles();
  if (root === null) {
    app.get('/', { schema: hidden }, async () => {
      throw new ChorusError('NOT_FOUND', 'The dashboard is not built: npm run build makes it');
    });
    return;
  }
  await app.register(fastifyStatic, {
    root,
    prefix: '/dashboard/',
    serve: true,
    index: false,
    wildcard: false,
    preCompressed: true,
    cacheControl: false,
    schemaHide: true,
    setHeaders: (reply, path) => {
      for (const [name, value] of Object.entries(pageHeaders)) void reply.header(name, value);
      const isPage = /index\.html(\.br|\.gz)?$/.test(path);
      void reply.header('cache-control', isPage ? 'no-cache' : 'public, max-age=31536000, immutable');
    },
  });
  app.get('/', { schema: hidden }, (_request, reply) => reply.sendFile('index.html'));
};
