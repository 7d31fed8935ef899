import rateLimit from '@fastify/rate-limit';
import { type FastifyBaseLogger, type FastifyInstance, type FastifyRequest, fastify, LogController } from 'fastify';
import { ChorusError } from '../domain/errors.ts';
import { defaultHttpLimits, type HttpLimits, type HttpSettings } from '../domain/http.ts';
import { createLogger } from '../logger.ts';
import { closeGently } from './closing.ts';
import { guardOrigins } from './plugins/guard.ts';
import { answerClientError, answerNotFound, answerProblems, asChorusError, sendProblem } from './problem.ts';
import { awaitsContinue } from './read-body.ts';
import { serializerCompiler, validatorCompiler } from './validation.ts';

/** How often the parser looks for requests that are too slow, ms. */
const slownessCheckMs = 2_000;
/** Clients and addresses whose requests are counted; the longest unseen go first. */
const ratesKeptMax = 50_000;
const closeMsMax = 5_000;
/** For each plugin to start, ms; it does little, and on a busy machine that may take a while. */
const startMsMax = 60_000;
/** What pages of allowed origins may read besides what browsers let any page read. */
const headersReadByPages = [
  'Accept-Ranges',
  'Content-Range',
  'Date',
  'ETag',
  'Preference-Applied',
  'Retry-After',
  'X-Chorus-Model-Version',
];

export interface BaseAppOptions {
  /** Who logs. */
  name: string;
  http: HttpSettings;
  /** For a whole request to come in, ms; 0: a handler of its own sees to it. */
  requestMsMax: number;
}

/** Whether each request is logged. */
export const logsRequests = ({ log }: HttpSettings): boolean => ['trace', 'debug'].includes(log?.level ?? '');

export const limitsOf = (http: HttpSettings): HttpLimits => ({ ...defaultHttpLimits, ...http.limits });

const notOurs = (): never => {
  throw new Error('Schemas are compiled by our own compilers');
};

/** What is logged of a request. Not the query: a token that somebody puts there by mistake is a secret all the same. */
const loggedRequest = ({ method, url, host, ip, socket }: FastifyRequest) => ({
  method,
  path: url.split('?', 1)[0],
  host,
  remoteAddress: ip,
  remotePort: socket?.remotePort,
});

/** A Fastify app with what both listeners share: limits, refusals as problems, origins, rates, logs. */
export async function createBaseApp({ name, http, requestMsMax }: BaseAppOptions): Promise<FastifyInstance> {
  const limits = limitsOf(http);
  const log: FastifyBaseLogger | null =
    http.log && http.log.level !== 'silent'
      ? (await createLogger(http.log, name)).child({}, { serializers: { req: loggedRequest } })
      : null;
  const app: FastifyInstance = fastify({
    ...(log ? { loggerInstance: log } : {}),
    logController: new LogController({ disableRequestLogging: !logsRequests(http) }),
    bodyLimit: limits.jsonBytesMax,
    pluginTimeout: startMsMax,
    requestTimeout: requestMsMax,
    keepAliveTimeout: limits.keepAliveMs,
    forceCloseConnections: 'idle',
    // What is asked meanwhile is answered as ever: that the server shuts down is for the handle to say.
    return503OnClosing: false,
    clientErrorHandler: answerClientError,
    http: {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersMsMax,
      connectionsCheckingInterval: slownessCheckMs,
      requestTimeout: requestMsMax,
      // Refused by the guard, in our words.
      requireHostHeader: false,
    },
    // Ours are set below; without this Fastify would load its own first.
    schemaController: { compilersFactory: { buildValidator: notOurs, buildSerializer: notOurs } },
    routerOptions: { maxParamLength: 256, ignoreTrailingSlash: true },
    frameworkErrors: (error, _request, reply) => {
      void sendProblem(reply, asChorusError(error));
    },
  });
  app.server.maxConnections = limits.connectionsMax;
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  answerProblems(app);
  acceptEmptyJson(app);
  closeGently(app);
  continueWhenExpected(app);
  guardOrigins(app, http);
  if (http.corsOrigins?.length) {
    const { default: cors } = await import('@fastify/cors');
    await app.register(cors, {
      origin: http.corsOrigins.includes('*') ? '*' : http.corsOrigins,
      methods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'],
      exposedHeaders: headersReadByPages,
      maxAge: 600,
    });
  }
  await app.register(rateLimit, {
    global: false,
    max: limits.requestsPerAddressMax,
    timeWindow: '1 minute',
    cache: ratesKeptMax,
    addHeaders: { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false },
    addHeadersOnExceeding: { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false },
    errorResponseBuilder: (_request, { max, ttl }) =>
      new ChorusError('RATE_LIMITED', `More than ${max} requests in a minute`, { retryAfterMs: ttl }),
  });
  answerNotFound(app);
  return app;
}

/** Counts every request of a plugin by its address, before anything else of it is looked at: guessing is counted too. */
export function limitByAddress(app: FastifyInstance): void {
  app.addHook('onRequest', app.rateLimit());
}

/** Bodies are JSON. One may be left out where everything in it is optional, whatever the Content-Type says. */
function acceptEmptyJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body.length === 0) return done(null, null);
    return parse(request, body as string, done);
  });
  app.addHook('preValidation', (request, _reply, done) => {
    if (request.body === undefined) request.body = null;
    done();
  });
}

/** A client that asks first (`Expect: 100-continue`) is told to go on only once its request was let in. */
function continueWhenExpected(app: FastifyInstance): void {
  app.server.on('checkContinue', (request, response) => app.routing(request, response));
  // Other expectations may be ignored, RFC 9110 section 10.1.1.
  app.server.on('checkExpectation', (request, response) => app.routing(request, response));
  app.addHook('preParsing', ({ raw }, reply, _payload, done) => {
    if (awaitsContinue(raw)) {
      reply.raw.writeContinue();
      // From here on a request like any other.
      delete raw.headers.expect;
    }
    done();
  });
}

/** Closes a listener: answers under way end, for a while; then every connection is cut. */
export async function closeApp(app: FastifyInstance): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), closeMsMax);
  try {
    await app.close();
  } finally {
    clearTimeout(timer);
  }
}
