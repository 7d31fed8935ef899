import type { Socket } from 'node:net';
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify';
import { ChorusError, type ErrorCode } from '../domain/errors.ts';
import { type Answer, headText, problemAnswer } from './answer.ts';
import { awaitsContinue, isBodyOpen, throwAwayRest } from './read-body.ts';

/** Sends an answer through Fastify. A text goes as bytes: to a text Fastify would add a charset that JSON does not have. */
export const send = (reply: FastifyReply, { status, headers, body }: Answer): FastifyReply =>
  reply
    .code(status)
    .headers(headers)
    .send(typeof body === 'string' && body !== '' ? Buffer.from(body) : body);

/** Answers with a refusal as RFC 9457 problem details. */
export function sendProblem(reply: FastifyReply, error: ChorusError): FastifyReply {
  const { raw } = reply.request;
  if (awaitsContinue(raw)) void reply.header('connection', 'close');
  else if (isBodyOpen(raw)) {
    // Fastify closes over a body that is too large; see throwAwayRest for what that would cost.
    void reply.removeHeader('connection');
    throwAwayRest(raw);
  }
  return send(reply, problemAnswer(error));
}

/** What Fastify itself refuses, in our words. */
const frameworkCodes: Record<string, ErrorCode> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'PAYLOAD_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'PAYLOAD_TRUNCATED',
  FST_ERR_BAD_URL: 'NOT_FOUND',
};

/** Any error as one of the catalogue. What we did not foresee keeps its message to itself. */
export function asChorusError(error: unknown): ChorusError {
  if (error instanceof ChorusError) return error;
  const { code, statusCode, message } = (error ?? {}) as Partial<FastifyError>;
  const known = code === undefined ? undefined : frameworkCodes[code];
  if (known) return new ChorusError(known, message);
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new ChorusError('REQUEST_INVALID', message);
  }
  return new ChorusError('INTERNAL', undefined, { cause: error });
}

/** Makes every refusal of handlers and of the framework a problem document. */
export function answerProblems(app: FastifyInstance): void {
  app.setErrorHandler((error, request, reply) => {
    const refusal = asChorusError(error);
    if (refusal.code === 'INTERNAL') request.log.error({ err: error }, 'request failed');
    return sendProblem(reply, refusal);
  });
}

/** Tells an unknown path from a method that does not go with a known one. */
export function answerNotFound(app: FastifyInstance): void {
  const methodsOf = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const methods = methodsOf.get(url) ?? new Set();
    for (const one of [method].flat()) methods.add(one);
    methodsOf.set(url, methods);
  });
  app.setNotFoundHandler({ preHandler: app.rateLimit() }, (request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '/';
    const allowed = [...methodsOf]
      .filter(([pattern]) => pathMatches(pattern, path))
      .flatMap(([, methods]) => [...methods]);
    const shown = path.slice(0, 256);
    if (allowed.length === 0) return sendProblem(reply, new ChorusError('NOT_FOUND', `There is no ${shown}`));
    void reply.header('allow', [...new Set(allowed)].join(', '));
    return sendProblem(reply, new ChorusError('METHOD_NOT_ALLOWED', `${request.method} does not go with ${shown}`));
  });
}

/** @param pattern a route, with `:parameters` and perhaps a `*` at its end. */
function pathMatches(pattern: string, path: string): boolean {
  const wanted = pattern.split('/');
  const given = path.split('/');
  const isOpen = wanted.at(-1) === '*';
  if (isOpen ? given.length < wanted.length : given.length !== wanted.length) return false;
  return wanted.every((part, index) =>
    part === '*' ? given[index] !== '' : part.startsWith(':') || part === given[index],
  );
}

/** How long a client may take to read why its bytes were no request, ms. */
const lingerMsMax = 1_000;

/** What the HTTP parser refuses before there is a request. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const code: ErrorCode =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? 'HEADERS_TOO_LARGE'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? 'REQUEST_TIMEOUT'
        : error.code === 'HPE_INVALID_EOF_STATE'
          ? 'PAYLOAD_TRUNCATED'
          : 'REQUEST_INVALID';
  const answer = problemAnswer(new ChorusError(code));
  socket.end(headText(answer, { Connection: 'close' }) + String(answer.body));
  // Its own end may never come.
  socket.setTimeout(lingerMsMax, () => socket.destroy());
}
