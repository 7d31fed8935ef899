import type { FastifyReply, FastifyRequest } from 'fastify';
import parseRange from 'range-parser';
import { ChorusError } from '../domain/errors.ts';
import type { ModelInfo } from '../domain/model.ts';

/**
 * Answers with a model's bytes, shared by all downloads: nothing is copied for one. `If-None-Match` is answered 304, one
 * range 206 (several are answered whole, as RFC 9110 allows). @throws RANGE_NOT_SATISFIABLE
 */
export function sendModel(
  request: FastifyRequest,
  reply: FastifyReply,
  info: ModelInfo,
  memory: ArrayBufferLike,
  byteOffset = 0,
): FastifyReply {
  const etag = `"${info.sha256}"`;
  void reply
    .header('etag', etag)
    .header('accept-ranges', 'bytes')
    .header('cache-control', 'no-cache')
    .header('x-chorus-model-version', info.version);
  const { 'if-none-match': known, 'if-range': unchanged, range } = request.headers;
  if (known !== undefined && matches(known, etag)) return reply.code(304).send();
  void reply.type('application/octet-stream');
  const parts =
    range === undefined || (unchanged !== undefined && unchanged !== etag) ? -2 : parseRange(info.bytes, range);
  if (parts === -1) {
    void reply.header('content-range', `bytes */${info.bytes}`);
    throw new ChorusError('RANGE_NOT_SATISFIABLE', `The model has ${info.bytes} bytes`);
  }
  const [part, more] = typeof parts === 'object' && parts.type === 'bytes' ? parts : [];
  if (!part || more) return reply.send(Buffer.from(memory, byteOffset, info.bytes));
  const { start, end } = part;
  void reply.code(206).header('content-range', `bytes ${start}-${end}/${info.bytes}`);
  return reply.send(Buffer.from(memory, byteOffset + start, end - start + 1));
}

const matches = (header: string, etag: string): boolean =>
  header.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag);
