import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ErrorCode } from '../../../src/domain/errors.ts';
import { errorCatalogue } from '../../../src/domain/errors.ts';
import type { ClientStanding, TrainingTicket } from '../../../src/domain/handle.ts';

/** `cut`: the connection is broken off · `hang`: nothing is ever answered. */
export type Reply =
  | 'cut'
  | 'hang'
  | { status: number; json?: unknown; bytes?: Uint8Array; headers?: Record<string, string> };

export interface Request {
  route: Route;
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: Buffer;
  json: Record<string, unknown> | null;
  /** Resolves when the client has gone. */
  gone: Promise<unknown>;
}

export type Route = 'rendezvous' | 'heartbeat' | 'training' | 'model' | 'update' | 'leave' | 'status' | 'other';
type Handler = (request: Request) => Reply | Promise<Reply>;

export const clientToken = 'secret-client-token';
export const trainingToken = 'secret-training-token';
export const run = '7d7f6f0e-0000-4000-8000-000000000001';

export const problem = (code: ErrorCode, headers: Record<string, string> = {}): Reply => ({
  status: errorCatalogue[code].status,
  json: { ...errorCatalogue[code], type: `/docs/errors#${code}`, code, detail: `because of ${code}` },
  headers: { 'content-type': 'application/problem+json', ...headers },
});

/** What a test's end closes. */
export const closing: (() => unknown)[] = [];
export async function closeAll(): Promise<void> {
  for (const close of closing.splice(0).reverse()) await close();
}

/**
 * A server that keeps to the contract for one client, coordinator and aggregator in one, and goes wrong when told.
 * It holds heartbeats, and counts updates.
 */
export class ScriptedServer {
  readonly requests: Request[] = [];
  standing: { state: ClientStanding; round: number } = { state: 'standby', round: 0 };
  /** What `training` answers, beside the round. */
  ticket: Partial<TrainingTicket> = {};
  /** Rounds that are still to come after the one that is open. */
  roundsLeft = 0;
  retryAfterMs = 5_000;
  /** Whether heartbeats are held. */
  holds = true;
  readonly #faults = new Map<Route, (Reply | Handler)[]>();
  readonly #watchers = new Set<() => void>();
  #server: Server | null = null;
  #port = 0;
  #clients = 0;

  static async start(): Promise<ScriptedServer> {
    const scripted = new ScriptedServer();
    await scripted.listen();
    closing.push(() => scripted.close());
    return scripted;
  }

  /** Opens the port, the same as before if there was one. */
  async listen(): Promise<void> {
    const server = createServer((request, response) => void this.#serve(request, response));
    this.#server = server;
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Cuts every connection, and refuses new ones. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (!server) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The next requests of this route are answered so, one each; then it behaves again. */
  next(route: Route, ...replies: (Reply | Handler)[]): void {
    this.#faults.set(route, [...(this.#faults.get(route) ?? []), ...replies]);
  }

  /** Every request of this route is answered so. */
  always(route: Route, reply: Reply | Handler): void {
    const again: Handler = (request) => {
      this.#faults.set(route, [again]);
      return typeof reply === 'function' ? reply(request) : reply;
    };
    this.#faults.set(route, [again]);
  }

  tell(state: ClientStanding, round = this.standing.round): void {
    this.standing = { state, round };
    this.#wake();
  }

  select(round = this.standing.round + 1): void {
    this.tell('selected', round);
  }

  of(route: Route): Request[] {
    return this.requests.filter((request) => request.route === route);
  }

  /** Resolves when `condition` holds; it is looked at with every request and every change. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#watchers.add(resolve));
  }

  #wake(): void {
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    for (const watcher of watchers) watcher();
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = once(response, 'close');
    const request = await read(incoming, gone).catch(() => null);
    if (!request) return;
    this.requests.push(request);
    this.#wake();
    const fault = this.#faults.get(request.route)?.shift();
    const handler: Handler =
      typeof fault === 'object' || typeof fault === 'string' ? () => fault : (fault ?? this.#behave);
    const reply = await handler(request);
    if (reply === 'hang') return;
    if (reply === 'cut') {
      response.destroy();
      return;
    }
    const { status, json, bytes, headers = {} } = reply;
    // Client and server are on different clocks here, unless a test says otherwise.
    response.sendDate = false;
    response.writeHead(status, { ...(json === undefined ? {} : { 'content-type': 'application/json' }), ...headers });
    response.end(json === undefined ? bytes : JSON.stringify(json));
  }

  readonly #behave: Handler = async (request) => {
    switch (request.route) {
      case 'rendezvous':
        return { status: 201, json: this.#register(request.json?.clientId) };
      case 'heartbeat':
        return this.#beat(request);
      case 'training':
        return this.startTraining();
      case 'model':
        return { status: 204 };
      case 'update':
        return this.#accept(request);
      case 'leave':
        return { status: 204 };
      case 'status':
        return { status: 200, json: { phase: 'gathering', run, round: this.standing.round } };
      case 'other':
        return problem('NOT_FOUND');
    }
  };

  #register(clientId: unknown) {
    if (typeof clientId !== 'string') this.#clients += 1;
    const known = typeof clientId === 'string' ? clientId : `client-${this.#clients}`;
    if (typeof clientId === 'string' && this.standing.state !== 'finished') this.tell('standby');
    return { clientId: known, clientToken, heartbeatIntervalMs: 5_000, heartbeatTimeoutMs: 20_000 };
  }

  async #beat({ json, gone }: Request): Promise<Reply> {
    let isGone = false;
    void gone.then(() => {
      isGone = true;
      this.#wake();
    });
    const isKnown = () =>
      json?.state === this.standing.state && (this.standing.state === 'standby' || json.round === this.standing.round);
    if (this.holds) await this.until(() => !isKnown() || isGone);
    return { status: 200, json: { ...this.standing, run, retryAfterMs: this.retryAfterMs } };
  }

  /** Hands the client its ticket, if it is selected. */
  startTraining(): Reply {
    const { state, round } = this.standing;
    if (state !== 'selected' && state !== 'training') return problem('CLIENT_NOT_SELECTED');
    this.tell('training');
    const ticket = {
      run,
      round,
      aggregatorUrl: this.url,
      trainingToken,
      modelVersion: null,
      hyperparameters: {},
      deadlineAtMs: 300_000,
    };
    return { status: 200, json: { ...ticket, ...this.ticket } };
  }

  #accept({ path }: Request): Reply {
    const [, , , round = '', , clientId = ''] = path.split('/');
    const receipt = { round: Number(round), clientId, sha256: 'ab', numExamples: 1 };
    this.goOn();
    return { status: 200, json: { verdict: 'accepted', receipt } };
  }

  /** The open round is over; the next one selects the client, or the run is finished. */
  goOn(): void {
    if (this.roundsLeft === 0) {
      this.tell('finished');
      return;
    }
    this.roundsLeft -= 1;
    this.select();
  }
}

async function read(incoming: IncomingMessage, gone: Promise<unknown>): Promise<Request> {
  const pieces: Buffer[] = [];
  for await (const piece of incoming) pieces.push(piece as Buffer);
  const body = Buffer.concat(pieces);
  const { method = '', url: path = '', headers } = incoming;
  const json = headers['content-type'] === 'application/json' ? JSON.parse(body.toString()) : null;
  return { route: routeOf(method, path), method, path, headers, body, json, gone };
}

function routeOf(method: string, path: string): Route {
  if (method === 'POST' && path === '/v1/clients') return 'rendezvous';
  if (path.endsWith('/heartbeat')) return 'heartbeat';
  if (path.endsWith('/training')) return 'training';
  if (path.endsWith('/model')) return 'model';
  if (method === 'PUT') return 'update';
  if (method === 'DELETE') return 'leave';
  return path === '/v1/status' ? 'status' : 'other';
}
