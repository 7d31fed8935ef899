import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ModelInfo } from '../domain/model.ts';
import { modelAnswer } from './answer.ts';
import { send } from './problem.ts';

/** Answers with a model's bytes; see {@link modelAnswer}. */
export const sendModel = (
  request: FastifyRequest,
  reply: FastifyReply,
  info: ModelInfo,
  memory: ArrayBufferLike,
  byteOffset = 0,
): FastifyReply => send(reply, modelAnswer(request.headers, info, memory, byteOffset));
