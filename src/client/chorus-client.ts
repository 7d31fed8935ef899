import type { ClientProfile } from '../domain/client.ts';
import { type Clock, systemClock } from '../domain/clock.ts';
import { ChorusError } from '../domain/errors.ts';
import type { ClientStanding, Heartbeat, Receipt, Registration, Status, TrainingTicket } from '../domain/handle.ts';
import type { Tensors } from '../domain/model.ts';
import { messageOf } from '../domain/words.ts';
import { decodeSafetensors } from '../wire/safetensors.ts';
import { readHeartbeat, readReceipt, readRegistration, readStatus, readTicket } from './answers.ts';
import { ChorusNetworkError } from './errors.ts';
import { dateOf, exchange, type Fetch, type HttpCall, type HttpDeps, nameOf, originOf } from './http-calls.ts';
import type { Measured } from './task.ts';
import { encodeUpdate, type TrainingResult } from './tensors.ts';

/** Who a client is to the server. The token is secret. */
export type ClientIdentity = Pick<Registration, 'clientId' | 'clientToken'>;

/** A ticket, with the client it was given to. */
export interface ClientTicket extends TrainingTicket {
  clientId: string;
  /**
   * How far the server's clock is ahead of this machine's, ms; negative when behind. 0 when they agree to within
   * {@link clockSkewMsMin}, or when the server's time is not to be seen.
   */
  serverAheadMs: number;
}

export interface DownloadedModel {
  tensors: Tensors;
  metadata: Readonly<Record<string, string>>;
  /** Size of the file. */
  byteLength: number;
}

export interface CallOptions {
  /** Ends the call, which then throws the signal's reason. */
  signal?: AbortSignal;
}

export interface ChorusClientOptions {
  /** The coordinator's URL, e.g. `http://127.0.0.1:8081`; a path before `/v1` is kept. */
  url: string | URL;
  /** Goes on as the client that an earlier process registered. @default none: `rendezvous` comes first */
  identity?: ClientIdentity;
  /** @default the platform's */
  fetch?: Fetch;
  /** Time and timers. @default the system's */
  clock?: Clock;
  /** For a call to be answered, ms; a held heartbeat has its hold on top. @default 15,000 */
  callMsMax?: number;
  /** For a model to come or an update to go, ms. @default 600,000 */
  transferMsMax?: number;
}

/** A smaller difference between two clocks is taken for the way between them and the whole seconds of `Date`, ms. */
export const clockSkewMsMin = 5_000;

const json = (response: Response): Promise<unknown> => response.json();

/**
 * The HTTP API of a Chorus server, one method a call. It retries nothing and keeps nothing but who it is:
 * `participate` does the rest. Each call throws {@link ChorusHttpError} for a refusal, {@link ChorusNetworkError} when
 * there is no usable answer in time, and the signal's reason when it is aborted.
 */
export class ChorusClient {
  readonly #origin: string;
  readonly #deps: HttpDeps;
  readonly #callMsMax: number;
  readonly #transferMsMax: number;
  #identity: ClientIdentity | null;

  /** @throws {TypeError} the URL is none of http or https. */
  constructor({
    url,
    identity,
    fetch,
    clock = systemClock,
    callMsMax = 15_000,
    transferMsMax = 600_000,
  }: ChorusClientOptions) {
    this.#origin = originOf(url, 'url');
    // Looked up and called at each call: browsers want it called on the global object.
    this.#deps = { fetch: fetch ?? ((input, init) => globalThis.fetch(input, init)), clock };
    this.#callMsMax = callMsMax;
    this.#transferMsMax = transferMsMax;
    this.#identity = identity ?? null;
  }

  /** Who it is, or null before it has registered. Holds a secret. */
  get identity(): ClientIdentity | null {
    return this.#identity;
  }

  /**
   * Registers. A client that is registered already keeps its id and is out of the open round.
   * @param fresh true: as a new client, whoever it was before.
   */
  async rendezvous({
    name,
    attributes,
    evaluates,
    fresh = false,
    signal,
  }: ClientProfile & { fresh?: boolean } & CallOptions = {}): Promise<Registration> {
    const identity = fresh ? null : this.#identity;
    const call = this.#call('POST', '/v1/clients', {
      body: { name, attributes, evaluates, clientId: identity?.clientId },
      token: identity?.clientToken,
      signal,
    });
    const registration = readRegistration(nameOf(call), await exchange(this.#deps, call, json));
    this.#identity = { clientId: registration.clientId, clientToken: registration.clientToken };
    return registration;
  }

  /**
   * Shows that it is there, and hears what it is.
   * @param waitSeconds how long the server shall hold its answer while nothing changes; whole seconds. @default 0
   * @param known what it last heard; a server that sees it otherwise answers at once.
   */
  async heartbeat({
    waitSeconds = 0,
    known,
    signal,
  }: {
    waitSeconds?: number;
    known?: { state: ClientStanding; round: number };
  } & CallOptions = {}): Promise<Heartbeat> {
    const { clientId, clientToken } = this.#registered();
    const wait = Math.ceil(waitSeconds);
    const call = this.#call('POST', `/v1/clients/${encodeURIComponent(clientId)}/heartbeat`, {
      token: clientToken,
      ...(wait > 0 ? { headers: { prefer: `wait=${wait}` } } : {}),
      ...(known ? { body: { state: known.state, round: known.round } } : {}),
      msMax: wait * 1_000 + this.#callMsMax,
      signal,
    });
    return readHeartbeat(nameOf(call), await exchange(this.#deps, call, json));
  }

  /** Takes up the selection: its ticket says whether to train or to evaluate. Asked again in the same round, the ticket is the same. */
  async startTraining({ signal }: CallOptions = {}): Promise<ClientTicket> {
    const { clientId, clientToken } = this.#registered();
    const path = `/v1/clients/${encodeURIComponent(clientId)}/training`;
    const call = this.#call('POST', path, { token: clientToken, signal });
    const { body, serverAtMs } = await exchange(this.#deps, call, async (response) => ({
      body: await json(response),
      serverAtMs: dateOf(response.headers),
    }));
    const aheadMs = serverAtMs === null ? 0 : serverAtMs - this.#deps.clock.now();
    const serverAheadMs = Math.abs(aheadMs) < clockSkewMsMin ? 0 : aheadMs;
    return { ...readTicket(nameOf(call), body), clientId, serverAheadMs };
  }

  /** The global model of the ticket's round; null when the run has none yet. */
  async downloadModel(ticket: TrainingTicket, { signal }: CallOptions = {}): Promise<DownloadedModel | null> {
    const call = this.#aggregatorCall('GET', ticket, `/v1/rounds/${ticket.round}/model`, { signal });
    const bytes = await exchange(this.#deps, call, async (response) =>
      response.status === 204 ? null : new Uint8Array(await response.arrayBuffer()),
    );
    if (bytes === null) return null;
    try {
      return { ...decodeSafetensors(bytes), byteLength: bytes.byteLength };
    } catch (error) {
      if (!(error instanceof ChorusError)) throw error;
      throw new ChorusNetworkError('badAnswer', `${nameOf(call)} was answered with no model: ${error.message}`, {
        cause: error,
      });
    }
  }

  /**
   * Uploads an update. The same bytes may be sent again when no answer came: the server counts them once, and answers
   * with the same receipt.
   * @param update a result, or the bytes that {@link encodeUpdate} made of one.
   */
  async upload(
    ticket: TrainingTicket & { clientId: string },
    update: TrainingResult | Uint8Array<ArrayBuffer>,
    { signal }: CallOptions = {},
  ): Promise<Receipt> {
    const path = `/v1/rounds/${ticket.round}/updates/${encodeURIComponent(ticket.clientId)}`;
    const body = update instanceof Uint8Array ? update : encodeUpdate(update);
    const call = this.#aggregatorCall('PUT', ticket, path, { body, signal });
    return readReceipt(nameOf(call), await exchange(this.#deps, call, json));
  }

  /**
   * Reports what was measured of the ticket's model. The same result may be sent again when no answer came: the server
   * counts it once, and answers with the same receipt.
   */
  async reportEvaluation(
    { round, traceparent }: Pick<TrainingTicket, 'round' | 'traceparent'>,
    { numExamples, metrics }: Measured,
    { signal }: CallOptions = {},
  ): Promise<Receipt> {
    const { clientId, clientToken } = this.#registered();
    const path = `/v1/clients/${encodeURIComponent(clientId)}/evaluation`;
    const call = this.#call('POST', path, {
      token: clientToken,
      body: { round, numExamples, metrics },
      headers: traceHeaders({ traceparent }),
      signal,
    });
    return readReceipt(nameOf(call), await exchange(this.#deps, call, json));
  }

  /** Leaves; it is nobody then, until it registers again. */
  async leave({ signal }: CallOptions = {}): Promise<void> {
    const { clientId, clientToken } = this.#registered();
    const call = this.#call('DELETE', `/v1/clients/${encodeURIComponent(clientId)}`, { token: clientToken, signal });
    await exchange(this.#deps, call, (response) => response.text());
    if (this.#identity?.clientId === clientId) this.#identity = null;
  }

  /** What the server is doing, and what it waits for. Needs no registration. */
  async status({ signal }: CallOptions = {}): Promise<Status> {
    const call = this.#call('GET', '/v1/status', { signal });
    return readStatus(nameOf(call), await exchange(this.#deps, call, json));
  }

  #call(method: HttpCall['method'], path: string, rest: Partial<HttpCall>): HttpCall {
    return { origin: this.#origin, msMax: this.#callMsMax, signal: undefined, ...rest, method, path };
  }

  #aggregatorCall(method: HttpCall['method'], ticket: TrainingTicket, path: string, rest: Partial<HttpCall>): HttpCall {
    const origin = aggregatorOf(ticket);
    const token = ticket.trainingToken;
    const headers = traceHeaders(ticket);
    return { msMax: this.#transferMsMax, signal: undefined, headers, ...rest, method, path, origin, token };
  }

  #registered(): ClientIdentity {
    if (!this.#identity) throw new Error('This client is not registered; call rendezvous first');
    return this.#identity;
  }
}

const traceHeaders = ({ traceparent }: { traceparent?: string | undefined }): Record<string, string> =>
  traceparent === undefined ? {} : { traceparent };

/** The aggregator's URL as the ticket gives it. @throws {ChorusNetworkError} noAggregator, or badAnswer: it is no URL. */
export function aggregatorOf({ aggregatorUrl, round }: Pick<TrainingTicket, 'aggregatorUrl' | 'round'>): string {
  if (aggregatorUrl === null) {
    const detail = `The coordinator names no aggregator for round ${round}: it has opened no port for it, or it is restarting`;
    throw new ChorusNetworkError('noAggregator', detail);
  }
  try {
    return originOf(aggregatorUrl, 'The aggregatorUrl of the ticket');
  } catch (error) {
    throw new ChorusNetworkError('badAnswer', messageOf(error), { cause: error });
  }
}
