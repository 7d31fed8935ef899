import { STATUS_CODES } from 'node:http';
import parseRange from 'range-parser';
import { ChorusError, errorCatalogue } from '../domain/errors.ts';
import type { ModelInfo } from '../domain/model.ts';

/** An answer as data, for whoever writes it to a connection. */
export interface Answer {
  status: number;
  /** Names in lower case. */
  headers: Record<string, string>;
  body: string | Buffer;
}

/** A refusal as RFC 9457 problem details. */
export function problemAnswer(error: ChorusError): Answer {
  const { code, message: detail, retryAfterMs } = error;
  const { status, title, remedy } = errorCatalogue[code];
  const headers: Record<string, string> = { 'content-type': 'application/problem+json' };
  if (retryAfterMs !== undefined) headers['retry-after'] = String(Math.ceil(retryAfterMs / 1_000));
  if (status === 401) headers['www-authenticate'] = 'Bearer';
  return {
    status,
    headers,
    body: JSON.stringify({ type: `/docs/errors#${code}`, title, status, code, detail, remedy }),
  };
}

/** Headers of a request for a model, as far as they matter. */
export interface ModelRequest {
  'if-none-match'?: string | undefined;
  'if-range'?: string | undefined;
  range?: string | undefined;
}

/**
 * A model's bytes, shared by all downloads: nothing is copied for one. `If-None-Match` is answered 304, one range 206
 * (several are answered whole, as RFC 9110 allows).
 */
export function modelAnswer(request: ModelRequest, info: ModelInfo, memory: ArrayBufferLike, byteOffset = 0): Answer {
  const etag = `"${info.sha256}"`;
  const headers: Record<string, string> = {
    etag,
    'accept-ranges': 'bytes',
    'cache-control': 'no-cache',
    'x-chorus-model-version': String(info.version),
  };
  const { 'if-none-match': known, 'if-range': unchanged, range } = request;
  if (known !== undefined && matches(known, etag)) return { status: 304, headers, body: '' };
  const parts =
    range === undefined || (unchanged !== undefined && unchanged !== etag) ? -2 : parseRange(info.bytes, range);
  if (parts === -1) {
    const refused = problemAnswer(new ChorusError('RANGE_NOT_SATISFIABLE', `The model has ${info.bytes} bytes`));
    return { ...refused, headers: { ...headers, ...refused.headers, 'content-range': `bytes */${info.bytes}` } };
  }
  headers['content-type'] = 'application/octet-stream';
  const [part, more] = typeof parts === 'object' && parts.type === 'bytes' ? parts : [];
  if (!part || more) return { status: 200, headers, body: Buffer.from(memory, byteOffset, info.bytes) };
  const { start, end } = part;
  headers['content-range'] = `bytes ${start}-${end}/${info.bytes}`;
  return { status: 206, headers, body: Buffer.from(memory, byteOffset + start, end - start + 1) };
}

const matches = (header: string, etag: string): boolean =>
  header.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag);

/** Whether an answer of this status has a body and says how long it is. */
const hasBody = (status: number): boolean => status >= 200 && status !== 204 && status !== 304;

/** The head of an answer, to be followed by its body. */
export function headText({ status, headers, body }: Answer, connection: Record<string, string>): string {
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  if (hasBody(status)) lines.push(`content-length: ${Buffer.byteLength(body)}`);
  lines.push(`Date: ${new Date().toUTCString()}`);
  for (const [name, value] of Object.entries(connection)) lines.push(`${name}: ${value}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}
