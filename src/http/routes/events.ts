import type { ServerResponse } from 'node:http';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { ChorusError } from '../../domain/errors.ts';
import type { ChorusEvent, CoordinatorHandle } from '../../domain/handle.ts';
import type { HttpLimits } from '../../domain/http.ts';
import { limitByAddress } from '../base-app.ts';
import { problems } from '../schemas/common.ts';
import { Type } from '../schemas/type.ts';

/** A comment so often keeps proxies from closing a quiet stream, ms. */
const keepAliveMs = 15_000;
/** When a reader that was cut off comes back, ms. */
const reconnectMs = 2_000;

/** What happens, as Server-Sent Events; `Last-Event-ID` resumes where a reader was cut off, as far as events are kept. */
export const eventRoutes: FastifyPluginAsyncTypebox<{ handle: CoordinatorHandle; limits: HttpLimits }> = async (
  app,
  { handle, limits },
) => {
  limitByAddress(app);
  const streams = new Set<ServerResponse>();
  // An event is written the same to every stream, so it is put into words once.
  let last: { event: ChorusEvent; text: string } | null = null;
  const textOf = (event: ChorusEvent): string => {
    if (last?.event !== event) last = { event, text: messageOf(event) };
    return last.text;
  };
  const keepAlive = setInterval(() => {
    for (const stream of streams) stream.write(':\n\n');
  }, keepAliveMs);
  app.addHook('preClose', async () => {
    clearInterval(keepAlive);
    for (const stream of streams) stream.end();
  });

  app.get(
    '/v1/events',
    {
      // A stream without a body would only wait.
      exposeHeadRoute: false,
      schema: {
        tags: ['events'],
        summary: 'Every transition of the run and its rounds, membership counts and verdicts, as Server-Sent Events',
        headers: Type.Object({ 'last-event-id': Type.Optional(Type.String()) }),
        querystring: Type.Object({
          lastEventId: Type.Optional(
            Type.Integer({
              minimum: 0,
              description: 'As Last-Event-ID, for readers that cannot set it; 0: all that is kept',
            }),
          ),
        }),
        produces: ['text/event-stream'],
        response: { 200: Type.String(), ...problems(429) },
      },
    },
    (request, reply) => {
      if (streams.size >= limits.eventStreamsMax) {
        throw new ChorusError('RATE_LIMITED', `${limits.eventStreamsMax} streams are open already`, {
          retryAfterMs: 5_000,
        });
      }
      reply.hijack();
      const stream = reply.raw;
      const given = reply.getHeaders() as Record<string, string>;
      stream.writeHead(200, {
        ...given,
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        // A stream that ends takes its connection with it, so that closing the server waits for none.
        connection: 'close',
        'x-accel-buffering': 'no',
      });
      stream.write(`retry: ${reconnectMs}\n\n`);
      const resumed = Number(request.headers['last-event-id'] ?? request.query.lastEventId);
      let isLive = false;
      const unsubscribe = handle.events.subscribe(
        (event) => {
          stream.write(textOf(event));
          // Too slow: what it missed is kept for a while, and it comes back for it. What it came back for is bounded by
          // what is kept, and nobody could have read that yet.
          if (isLive && stream.writableLength > limits.eventBacklogBytesMax) stream.destroy();
        },
        Number.isSafeInteger(resumed) ? { afterId: resumed } : {},
      );
      isLive = true;
      streams.add(stream);
      stream.on('close', () => {
        streams.delete(stream);
        unsubscribe();
      });
      stream.on('error', () => stream.destroy());
    },
  );
};

/** JSON has no line breaks of its own, so one `data` line holds it. */
const messageOf = ({ id, type, ...rest }: ChorusEvent): string =>
  `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(rest)}\n\n`;
