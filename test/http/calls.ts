import { expect } from 'vitest';
import { type ErrorCode, errorCatalogue } from '../../src/domain/errors.ts';

/** Longest wait for something that must happen, ms: generous, for machines that are busy with other things. */
export const patienceMs = 20_000;

/** Reads again and again until the assertion that follows holds. */
export const eventually = <T>(read: () => T | Promise<T>) => expect.poll(read, { timeout: patienceMs, interval: 20 });

/** An answer, read whole. */
export interface Answer {
  status: number;
  headers: Headers;
  bytes: Uint8Array<ArrayBuffer>;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: what came is for the test to judge
  json: any;
}

export interface CallOptions {
  token?: string | undefined;
  /** An object is sent as JSON, text and bytes as they are. */
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** One request, answered whole. */
export async function call(
  method: string,
  url: string,
  { token, body, headers, signal }: CallOptions = {},
): Promise<Answer> {
  const isRaw = typeof body === 'string' || body instanceof Uint8Array || body instanceof ReadableStream;
  const isJson = body !== undefined && !isRaw;
  const response = await fetch(url, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(isJson ? { 'content-type': 'application/json' } : {}),
      ...headers,
    },
    ...(body === undefined ? {} : { body: (isJson ? JSON.stringify(body) : body) as BodyInit, duplex: 'half' }),
    ...(signal ? { signal } : {}),
  } as RequestInit);
  const bytes = new Uint8Array(await response.arrayBuffer());
  const text = new TextDecoder().decode(bytes);
  const isText = /json/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, headers: response.headers, bytes, text, json: isText ? JSON.parse(text) : null };
}

/** Asserts that an answer is this refusal, in the shape every refusal has. */
export function expectProblem(answer: Pick<Answer, 'status' | 'headers' | 'json'>, code: ErrorCode): void {
  const { status, title, remedy } = errorCatalogue[code];
  const { headers, json } = answer;
  expect({ code: json?.code, status: answer.status, detail: json?.detail }).toMatchObject({ code, status });
  expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(json).toEqual({ type: `/docs/errors#${code}`, title, status, code, detail: expect.any(String), remedy });
}

/** Bytes as a body of unknown length, a piece at a time. */
export function piecesOf(bytes: Uint8Array, pieceBytes: number): ReadableStream {
  let sent = 0;
  return new ReadableStream({
    async pull(stream) {
      // Not at once: a body that is always ready would leave its sender no turn to hear the answer.
      await new Promise((resolve) => setImmediate(resolve));
      stream.enqueue(bytes.subarray(sent, sent + pieceBytes));
      sent += pieceBytes;
      if (sent >= bytes.byteLength) stream.close();
    },
  });
}
