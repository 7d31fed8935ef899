import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { CoordinatorHandle, Heartbeat, HeartbeatWait } from '../domain/handle.ts';
import type { HttpLimits, HttpSettings } from '../domain/http.ts';
import { problemAnswer } from './answer.ts';
import { logsRequests } from './base-app.ts';
import type { Durations } from './durations.ts';
import { beat } from './heartbeat.ts';
import { isClient, rateKeyOf, tokenIn } from './plugins/bearer.ts';
import { isKnownHost, namesManyHosts } from './plugins/guard.ts';
import { asChorusError } from './problem.ts';
import type { Rates } from './rates.ts';
import { HeartbeatBody, HeartbeatReply } from './schemas/coordinator.ts';
import { serializerCompiler, validatorCompiler } from './validation.ts';

const pathStart = '/v1/clients/';
const pathEnd = '/heartbeat';
const idLength = 36;
const route = { method: 'POST', url: `${pathStart}:clientId${pathEnd}` };
/** What a client says that it goes by has no more, by far. */
const bodyBytesMax = 1_024;

export interface FastHeartbeatsDeps {
  handle: CoordinatorHandle;
  http: HttpSettings;
  limits: HttpLimits;
  rates: Rates;
  durations: Durations;
}

type Known = HeartbeatWait['known'] | null;

/**
 * Answers heartbeats between Node's HTTP server and Fastify, whose hooks cost more than a heartbeat. It takes what would
 * be let in and nothing else: whatever is to be refused or out of the ordinary goes on to Fastify, unread and uncounted.
 * What is checked here is checked by the functions that the hooks call.
 */
export class FastHeartbeats {
  readonly #app: FastifyInstance;
  readonly #deps: FastHeartbeatsDeps;
  readonly #serialise = serializerCompiler({ schema: HeartbeatReply, ...route });
  readonly #isValid = validatorCompiler({ schema: HeartbeatBody, httpPart: 'body', ...route });
  #isClosing = false;

  private constructor(app: FastifyInstance, deps: FastHeartbeatsDeps) {
    this.#app = app;
    this.#deps = deps;
  }

  /** Puts itself before an app. Where requests are logged, or other origins let in, heartbeats stay with Fastify. */
  static install(app: FastifyInstance, deps: FastHeartbeatsDeps): void {
    if (logsRequests(deps.http) || deps.http.corsOrigins?.length) return;
    const fast = new FastHeartbeats(app, deps);
    app.addHook('preClose', async () => {
      fast.#isClosing = true;
    });
    app.server.removeAllListeners('request');
    app.server.on('request', (request, response) => fast.#take(request, response));
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const startedAtMs = performance.now();
    const clientId = this.#admit(request);
    const { 'content-type': type, 'content-length': length = '0' } = request.headers;
    if (clientId === null) this.#app.routing(request, response);
    else if (type === undefined && length === '0') {
      this.#answer(request, response, { clientId, known: null, startedAtMs });
    } else {
      // By then the parser has handed over what came with the head.
      process.nextTick(() => {
        const known = type === 'application/json' ? this.#readKnown(request, clientId, Number(length)) : undefined;
        if (known === undefined) this.#app.routing(request, response);
        else this.#answer(request, response, { clientId, known, startedAtMs });
      });
    }
  }

  /** @returns the client whose heartbeat it is, or null. */
  #admit(request: IncomingMessage): string | null {
    const { method, url = '', httpVersion, headers, socket } = request;
    if (method !== 'POST' || httpVersion !== '1.1' || this.#isClosing) return null;
    if (url.length !== pathStart.length + idLength + pathEnd.length) return null;
    if (!url.startsWith(pathStart) || !url.endsWith(pathEnd)) return null;
    const { host = '', origin, 'transfer-encoding': coding } = headers;
    if (host === '' || origin !== undefined || coding !== undefined) return null;
    const { http, handle } = this.#deps;
    if (namesManyHosts(request) || !isKnownHost(http, host, socket.localAddress)) return null;
    const clientId = url.slice(pathStart.length, -pathEnd.length);
    return isClient(handle, clientId, tokenIn(headers)) ? clientId : null;
  }

  /** @returns what the client goes by, or undefined when that is not all here, or not as it should be. */
  #readKnown(request: IncomingMessage, clientId: string, length: number): Known | undefined {
    const { rates, limits } = this.#deps;
    if (length === 0 || length > bodyBytesMax || request.readableLength !== length) return undefined;
    if (rates.isExhausted(rateKeyOf(clientId), limits.requestsPerClientMax)) return undefined;
    const bytes: Buffer = request.read();
    const body = parsed(bytes);
    if (body !== undefined && this.#isValid(body) === true) return body as Known;
    // To be read again.
    request.unshift(bytes);
    return undefined;
  }

  #answer(
    request: IncomingMessage,
    response: ServerResponse,
    { clientId, known, startedAtMs }: { clientId: string; known: Known; startedAtMs: number },
  ): void {
    const { rates, limits, durations } = this.#deps;
    const { prefer } = request.headers;
    try {
      rates.count(rateKeyOf(clientId), limits.requestsPerClientMax);
      const { waitSeconds, answer } = beat(this.#deps, { clientId, prefer, known }, response);
      if (answer instanceof Promise) {
        response.setHeader('preference-applied', `wait=${waitSeconds}`);
        answer.then(
          (heard) => this.#send(response, heard),
          (error: unknown) => this.#refuse(response, error),
        );
      } else this.#send(response, answer);
    } catch (error) {
      this.#refuse(response, error);
    }
    this.#app.answering(request.socket, response);
    if (prefer !== undefined) return;
    const { method, url } = route;
    durations.add({ method, route: url, status: response.statusCode, ms: performance.now() - startedAtMs });
  }

  #send(response: ServerResponse, heard: Heartbeat): void {
    const body = this.#serialise(heard);
    const headers = { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(body) };
    response.writeHead(200, headers);
    response.write(body);
    // Else an empty piece that marks the end would go to the kernel with it, which takes longer than one piece alone.
    response.socket?.uncork();
    response.end();
  }

  #refuse(response: ServerResponse, error: unknown): void {
    const refusal = asChorusError(error);
    if (refusal.code === 'INTERNAL') this.#app.log.error({ err: error }, 'request failed');
    const { status, headers, body } = problemAnswer(refusal);
    response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
    response.end(body);
  }
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
