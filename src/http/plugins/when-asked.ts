import { type FastifyInstance, type FastifyPluginAsync, fastify } from 'fastify';
import { ChorusError } from '../../domain/errors.ts';
import { answerProblems, sendProblem } from '../problem.ts';

/** Of the connection that an answer goes through, not of the answer. */
const hopHeaders = ['connection', 'date', 'keep-alive', 'transfer-encoding'];

/**
 * Serves pages that a server can be up without: what they are made with is loaded by the first request for one of them.
 * @param urls routes as a whole, perhaps with a `*` at the end. @param load the plugin that answers at these very paths
 */
export function serveWhenAsked(
  app: FastifyInstance,
  urls: readonly string[],
  load: () => Promise<FastifyPluginAsync>,
): void {
  let loading: Promise<FastifyInstance> | null = null;
  const pages = (): Promise<FastifyInstance> => {
    loading ??= start(load);
    return loading;
  };
  app.addHook('preClose', async () => {
    await loading?.then(
      (app) => app.close(),
      () => undefined,
    );
  });
  for (const url of urls) {
    app.route({
      method: ['GET', 'HEAD'],
      url,
      schema: { hide: true },
      handler: async ({ method, url, headers }, reply) => {
        const from = await pages();
        const answer = await from.inject({ method: method === 'HEAD' ? 'HEAD' : 'GET', url, headers });
        for (const name of hopHeaders) delete answer.headers[name];
        const { statusCode, rawPayload } = answer;
        // Of an empty one, Fastify would say that it is bytes.
        return reply
          .code(statusCode)
          .headers(answer.headers)
          .send(rawPayload.length > 0 ? rawPayload : undefined);
      },
    });
  }
}

async function start(load: () => Promise<FastifyPluginAsync>): Promise<FastifyInstance> {
  const plugin = await load();
  const pages = fastify({ routerOptions: { ignoreTrailingSlash: true } });
  answerProblems(pages);
  pages.setNotFoundHandler(({ url }, reply) =>
    sendProblem(reply, new ChorusError('NOT_FOUND', `There is no ${url.split('?', 1)[0]?.slice(0, 256)}`)),
  );
  await pages.register(plugin);
  await pages.ready();
  return pages;
}
