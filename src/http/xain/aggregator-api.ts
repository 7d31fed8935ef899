import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import type { UploadGate } from '../../domain/aggregation.ts';
import { ChorusError, type ErrorCode } from '../../domain/errors.ts';
import type { Tensor } from '../../domain/model.ts';
import { decodeNpy, encodeNpy } from '../../wire/npy.ts';
import { decodeSafetensors, encodeSafetensors } from '../../wire/safetensors.ts';

/** The tensor that holds the weights of participants who know of one array only. */
const weightsName = 'weights';
const countBytes = 4;

interface Ids {
  id: string;
  token: string;
}

/** Refusals that mean "fine, but not needed": those participants take any status but 200 for the end of the world. */
const harmless: readonly ErrorCode[] = ['UPDATE_DISCARDED', 'UPDATE_CONFLICT', 'DOWNLOADS_EXHAUSTED'];

/**
 * The aggregator's side of the HTTP API of XAIN's 2020 proof of concept: weights as a bare `.npy`; an upload is a 4-byte
 * big-endian number of examples and a `.npy`. A token that was valid once is answered 200 for the rest of the run;
 * what comes with it after its round is not counted.
 */
export function xainAggregatorApi(gate: UploadGate): FastifyPluginAsync {
  return async (app) => {
    // The body has no Content-Type, and is read here piece by piece, within its bound.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', (_request, _payload, done) => done(null));

    app.get<{ Params: Ids }>('/:id/:token', { schema: { hide: true } }, async ({ params }, reply) => {
      const { round, isOpen } = gate.recognise({ clientId: params.id, trainingToken: params.token });
      const model = isOpen ? download(gate, round, params.token) : gate.currentModel();
      if (!model) return reply.type('application/octet-stream').send(Buffer.alloc(0));
      const weights = onlyTensor(new Uint8Array(model.bytes));
      return reply.type('application/octet-stream').send(Buffer.from(encodeNpy(weights).buffer));
    });

    app.post<{ Params: Ids }>('/:id/:token', { schema: { hide: true } }, async (request, reply) => {
      const { id, token } = request.params;
      const { round, isOpen, payloadBytesMax } = gate.recognise({ clientId: id, trainingToken: token });
      const body = await readBody(request, payloadBytesMax);
      if (isOpen) await upload(gate, { id, token }, round, body);
      return reply.code(200).send();
    });
  };
}

function download(gate: UploadGate, round: number, trainingToken: string) {
  try {
    return gate.beginDownload({ round, trainingToken });
  } catch (error) {
    if (error instanceof ChorusError && harmless.includes(error.code)) return gate.currentModel();
    throw error;
  }
}

async function upload(gate: UploadGate, { id, token }: Ids, round: number, body: Uint8Array): Promise<void> {
  const { numExamples, weights } = readUpload(body);
  const bytes = encodeSafetensors({ [weightsName]: weights }, { num_examples: String(numExamples) });
  try {
    const staged = gate.beginUpload({
      clientId: id,
      round,
      trainingToken: token,
      contentLength: bytes.byteLength,
      allowZeroExamples: true,
    });
    try {
      staged.write(bytes);
    } catch (error) {
      staged.abort();
      throw error;
    }
    await staged.finish();
  } catch (error) {
    if (!(error instanceof ChorusError) || !harmless.includes(error.code)) throw error;
  }
}

function readUpload(body: Uint8Array): { numExamples: number; weights: Tensor } {
  if (body.byteLength < countBytes) throw new ChorusError('REQUEST_INVALID', 'The body is too short for a sample count');
  const numExamples = new DataView(body.buffer, body.byteOffset, countBytes).getUint32(0, false);
  return { numExamples, weights: decodeNpy(body.subarray(countBytes)) };
}

/** The one tensor of a model; several cannot be told in that API. */
function onlyTensor(bytes: Uint8Array): Tensor {
  const tensors = Object.values(decodeSafetensors(bytes).tensors);
  const [weights] = tensors;
  if (!weights || tensors.length > 1) {
    throw new ChorusError('MODEL_MISMATCH', `The model has ${tensors.length} tensors; this API knows of one array`);
  }
  return weights;
}

async function readBody(request: FastifyRequest, bytesMax: number): Promise<Uint8Array> {
  const tooLarge = () => new ChorusError('PAYLOAD_TOO_LARGE', `More than ${bytesMax} bytes came`);
  const pieces: Buffer[] = [];
  let length = 0;
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLarge();
  try {
    for await (const piece of request.raw as AsyncIterable<Buffer>) {
      length += piece.byteLength;
      if (length > bytesMax) throw tooLarge();
      pieces.push(piece);
    }
  } catch (error) {
    throw error instanceof ChorusError ? error : new ChorusError('PAYLOAD_TRUNCATED', undefined, { cause: error });
  }
  return new Uint8Array(Buffer.concat(pieces, length));
}
