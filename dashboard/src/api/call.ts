import { problemOf } from './problem.ts';
import { adminToken, keepToken } from './token.ts';

export interface CallOptions {
  method?: 'GET' | 'POST' | 'PUT';
  /** Sent as JSON; bytes as they are. */
  body?: unknown;
  /** With the operator's token. */
  asAdmin?: boolean;
  /** With this token instead: it is being tried. */
  token?: string;
  signal?: AbortSignal | undefined;
}

/** Asks the server; the answer's type is what the API says it is. @throws {Problem} refused. @throws {TypeError} unreachable. */
export async function call<T>(path: string, options: CallOptions = {}): Promise<T> {
  const { method = 'GET', body, asAdmin = false, token = asAdmin ? adminToken.value : '', signal } = options;
  const isBytes = body instanceof Blob;
  const type = isBytes ? 'application/octet-stream' : 'application/json';
  const response = await fetch(path, {
    method,
    cache: 'no-store',
    headers: {
      ...(body === undefined ? {} : { 'content-type': type }),
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: isBytes ? body : JSON.stringify(body) }),
    ...(signal ? { signal } : {}),
  });
  if (response.ok) return (await response.json()) as T;
  const problem = await problemOf(response);
  // A token that is refused is of no more use: ask for another.
  if (problem.code === 'ADMIN_TOKEN_INVALID') keepToken('');
  throw problem;
}
