import type { Clock } from '../domain/clock.ts';
import { messageOf } from '../domain/words.ts';
import { ChorusHttpError, ChorusNetworkError } from './errors.ts';
import { TimedOut, within } from './timers.ts';

/** The part of the platform's `fetch` that is used. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface HttpDeps {
  fetch: Fetch;
  clock: Clock;
}

export interface HttpCall {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Without trailing slash, as {@link originOf} gives it. */
  origin: string;
  /** From `/v1` on. */
  path: string;
  /** Sent as bearer token. Secret: appears in no error. */
  token?: string | undefined;
  /** An object is sent as JSON, bytes as they are. */
  body?: object | Uint8Array<ArrayBuffer> | undefined;
  headers?: Readonly<Record<string, string>>;
  /** For the whole exchange, its body included. */
  msMax: number;
  signal: AbortSignal | undefined;
}

/** Longest text of a refusal that is kept. */
const textLengthMax = 1_000;

/**
 * Checks a URL and brings it into the form calls are built on; a path is kept, for servers behind a prefix.
 * @throws {TypeError} it is no http(s) URL, or has a user name or password, which would end up in error messages.
 */
export function originOf(url: string | URL, what: string): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw new TypeError(`${what} is no URL`);
  }
  if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:')
    throw new TypeError(`${what} is no http or https URL`);
  if (parsed.username !== '' || parsed.password !== '')
    throw new TypeError(`${what} has a user name or password; leave them out`);
  return `${parsed.origin}${parsed.pathname}`.replace(/\/+$/, '');
}

/**
 * One request and its answer.
 * @param read takes what is needed from an answer of status 2xx; what it throws counts as a bad answer.
 * @throws ChorusHttpError, ChorusNetworkError, or the signal's reason.
 */
export async function exchange<T>(
  deps: HttpDeps,
  call: HttpCall,
  read: (response: Response) => Promise<T>,
): Promise<T> {
  const { signal, msMax } = call;
  let isAnswered = false;
  try {
    signal?.throwIfAborted();
    return await within(deps.clock, { msMax, signal }, async (bounded) => {
      const response = await deps.fetch(`${call.origin}${call.path}`, requestOf(call, bounded));
      if (!response.ok) throw await refusalOf(call, response, deps.clock.now());
      isAnswered = true;
      return read(response);
    });
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (error instanceof ChorusHttpError || error instanceof ChorusNetworkError) throw error;
    throw networkError(call, error, isAnswered);
  }
}

function requestOf({ method, token, body, headers = {} }: HttpCall, signal: AbortSignal): RequestInit {
  const isBytes = body instanceof Uint8Array;
  return {
    method,
    headers: {
      ...headers,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': isBytes ? 'application/octet-stream' : 'application/json' }),
    },
    ...(body === undefined ? {} : { body: isBytes ? body : JSON.stringify(body) }),
    signal,
    cache: 'no-store',
    credentials: 'omit',
    // Followed, a redirect would carry the token to wherever it points.
    redirect: 'manual',
    // A farewell gets through even when the page is being closed.
    ...(method === 'DELETE' ? { keepalive: true } : {}),
  };
}

async function refusalOf(call: HttpCall, response: Response, nowMs: number): Promise<ChorusHttpError> {
  const name = nameOf(call);
  // Browsers hide the status of a redirect that is not followed.
  if (response.type === 'opaqueredirect' || (response.status >= 300 && response.status < 400)) {
    await response.body?.cancel();
    const detail = 'The server redirects, which is not followed with a token; give the URL it redirects to';
    return new ChorusHttpError({
      call: name,
      status: response.status,
      code: 'HTTP_REDIRECT',
      detail,
      remedy: '',
      retryAfterMs: null,
    });
  }
  const problem = problemOf(await response.text());
  const text = (key: string, otherwise: string) => {
    const value = problem[key];
    const given = typeof value === 'string' && value !== '' ? value.slice(0, textLengthMax) : otherwise;
    return call.token === undefined ? given : given.replaceAll(call.token, '[token]');
  };
  return new ChorusHttpError({
    call: name,
    status: response.status,
    code: text('code', `HTTP_${response.status}`),
    detail: text('detail', text('title', response.statusText || 'no reason given')),
    remedy: text('remedy', ''),
    retryAfterMs: readRetryAfter(response.headers, nowMs),
  });
}

function problemOf(body: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    // A proxy's page, or nothing.
    return {};
  }
}

/** `Retry-After` in ms from now, whether given in seconds or as a date; null when there is none that can be read. */
export function readRetryAfter(headers: Headers, nowMs: number): number | null {
  const given = headers.get('retry-after')?.trim() ?? '';
  if (/^\d{1,9}$/.test(given)) return Number(given) * 1_000;
  const atMs = Date.parse(given);
  // The server's date is on the server's clock, and so is that of its answer.
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - (dateOf(headers) ?? nowMs));
}

/** The `Date` of an answer, Unix ms, to the second; null when there is none, or the browser hides it. */
export function dateOf(headers: Headers): number | null {
  const atMs = Date.parse(headers.get('date') ?? '');
  return Number.isNaN(atMs) ? null : atMs;
}

export const nameOf = ({ method, origin, path }: Pick<HttpCall, 'method' | 'origin' | 'path'>): string =>
  `${method} ${origin}${path}`;

function networkError(call: HttpCall, error: unknown, isAnswered: boolean): ChorusNetworkError {
  const name = nameOf(call);
  if (error instanceof TimedOut) {
    return new ChorusNetworkError('timeout', `${name} was not answered within ${call.msMax} ms`, { cause: error });
  }
  if (error instanceof SyntaxError) {
    return new ChorusNetworkError('badAnswer', `${name} was answered with something that is no JSON`, { cause: error });
  }
  const what = isAnswered ? 'was cut off in its answer' : 'got no answer';
  return new ChorusNetworkError('unreachable', `${name} ${what}: ${reasonOf(error)}`, { cause: error });
}

/** `fetch` says only that it failed; the reason, where the platform gives one, is in its cause. */
function reasonOf(error: unknown): string {
  const { cause } = error instanceof Error ? error : { cause: undefined };
  if (!(cause instanceof Error)) return messageOf(error);
  const { code } = cause as Error & { code?: unknown };
  return cause.message || (typeof code === 'string' ? code : messageOf(error));
}
