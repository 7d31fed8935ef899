import { CommandFailure, exitCodes } from '../failure.ts';
import { printable } from '../render/format.ts';

/** How long a server may take to answer, ms. Models and event streams take as long as they take. */
const answerMsMax = 30_000;

export interface ApiOptions {
  /** Origin of the coordinator. */
  url: string;
  /** Sent with every call, where one is needed. */
  adminToken?: string;
}

interface Request {
  method?: 'GET' | 'POST' | 'PUT';
  body?: string | Blob;
  contentType?: string;
  signal?: AbortSignal;
}

/** The coordinator's HTTP API, as the commands use it. */
export interface Api {
  readonly url: string;
  /** @throws {CommandFailure} the server cannot be reached, or refuses: with code, detail and remedy. */
  json<T>(path: string, request?: Request): Promise<T>;
  /** The answer itself, once it is known to be no refusal; unbounded in time unless a signal is given. */
  open(path: string, request?: Request): Promise<Response>;
}

/** @throws {CommandFailure} exit code 2: `url` is none of HTTP. */
export function createApi({ url, adminToken }: ApiOptions): Api {
  const base = baseOf(url);

  async function open(path: string, { method = 'GET', body, contentType, signal }: Request = {}): Promise<Response> {
    const headers: Record<string, string> = {};
    if (adminToken !== undefined) headers.authorization = `Bearer ${adminToken}`;
    if (contentType !== undefined) headers['content-type'] = contentType;
    const response = await fetch(`${base}${path}`, {
      method,
      headers,
      redirect: 'error',
      ...(body === undefined ? {} : { body }),
      ...(signal ? { signal } : {}),
    }).catch((error: unknown) => {
      if (signal?.aborted && signal.reason?.name !== 'TimeoutError') throw error;
      throw new CommandFailure(unreachable(base, error));
    });
    if (!response.ok) throw new CommandFailure(await refusalOf(response, base));
    return response;
  }

  async function json<T>(path: string, request: Request = {}): Promise<T> {
    const signals = [AbortSignal.timeout(answerMsMax), ...(request.signal ? [request.signal] : [])];
    const response = await open(path, { ...request, signal: AbortSignal.any(signals) });
    const answer: unknown = await response.json().catch(() => null);
    if (typeof answer !== 'object' || answer === null) throw new CommandFailure(notChorus(base, response.status));
    return answer as T;
  }

  return { url: base, open, json };
}

function baseOf(url: string): string {
  try {
    const { protocol, origin, pathname } = new URL(url);
    if (protocol === 'http:' || protocol === 'https:') return `${origin}${pathname.replace(/\/+$/, '')}`;
  } catch {
    // Not a URL at all: the same sentence.
  }
  throw new CommandFailure(
    `--url is ${JSON.stringify(printable(url))}, which is no address of a server; give one like http://127.0.0.1:8081.`,
    exitCodes.usage,
  );
}

function unreachable(url: string, error: unknown): string {
  const { cause, name, message } = error as Error & { cause?: { code?: string; message?: string } };
  const reason =
    name === 'TimeoutError' ? `no answer within ${answerMsMax / 1_000} s` : (cause?.code ?? cause?.message ?? message);
  return `No server can be reached at ${url} (${printable(reason)}); start one with "chorus serve", or give its address with --url.`;
}

const notChorus = (url: string, status: number): string =>
  `What answers at ${url} does not speak like Chorus (status ${status}); give the coordinator's address with --url.`;

interface Problem {
  code: string;
  detail: string;
  remedy: string;
}

/** Code, detail and remedy of a refusal. */
async function refusalOf(response: Response, url: string): Promise<string> {
  const problem = (await response.json().catch(() => null)) as Partial<Problem> | null;
  if (typeof problem?.code !== 'string') return notChorus(url, response.status);
  const { code, detail = '', remedy = '' } = problem;
  return `${printable(code)}: ${printable(String(detail))}\n  ${printable(String(remedy))}`;
}
