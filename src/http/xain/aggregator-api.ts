import type { IncomingMessage } from 'node:http';
import type { FastifyPluginAsync } from 'fastify';
import type { PublishedModel, Upload, UploadGate } from '../../domain/aggregation.ts';
import { ChorusError, type ErrorCode } from '../../domain/errors.ts';
import { defaultHttpLimits, type HttpLimits } from '../../domain/http.ts';
import { encodeNpy } from '../../wire/npy.ts';
import { decodeSafetensors } from '../../wire/safetensors.ts';
import { isBodyOpen, readBody } from '../read-body.ts';
import { uuidOf } from './ids.ts';
import { isRefusal, patiently } from './patience.ts';
import { UploadRewriter } from './upload-rewriter.ts';

/** What the one array is called in a model that begins with these participants. */
const weightsName = 'weights';
/** Longest wait for staging memory, ms; the end of the round ends it sooner. */
const stagingMsMax = 120_000;
const stagingRetryMs = 200;

/** Refusals that mean "fine, but not needed". */
const notNeeded: readonly ErrorCode[] = ['UPDATE_DISCARDED', 'UPDATE_CONFLICT', 'UPLOAD_ATTEMPTS_EXHAUSTED'];

interface Ids {
  id: string;
  token: string;
}

/**
 * The aggregator's side of the HTTP API of XAIN's 2020 proof of concept: weights as a bare `.npy`; an upload is a 4-byte
 * big-endian number of examples and a `.npy`. A token that was valid once is answered 200 from then on; what comes with
 * it when it is not wanted any more is not counted.
 */
export function xainAggregatorApi(gate: UploadGate, limits: HttpLimits = defaultHttpLimits): FastifyPluginAsync {
  const rules = { idleMsMax: limits.uploadIdleMsMax, bytesPerSecondMin: limits.uploadBytesPerSecondMin };
  const weightsOf = keepLast(readWeights);

  /** @throws DOWNLOADS_EXHAUSTED never: these participants would not survive it. */
  function openModel({ id, token }: Ids): PublishedModel | null {
    const { round, isOpen } = gate.recognise({ clientId: id, trainingToken: token });
    if (!isOpen) return gate.currentModel();
    try {
      return gate.beginDownload({ round, trainingToken: token });
    } catch (error) {
      if (isRefusal(error, ['UPDATE_DISCARDED', 'DOWNLOADS_EXHAUSTED'])) return gate.currentModel();
      throw error;
    }
  }

  /** Takes an upload that may count. @throws the refusal, when it does not */
  async function takeUpdate({ id, token }: Ids, round: number, request: IncomingMessage): Promise<void> {
    const model = gate.currentModel();
    const rewriter = new UploadRewriter(model ? weightsOf(model).name : weightsName, contentLengthOf(request));
    const upload = await patiently(() => begin({ id, token }, round, rewriter.fileBytes), {
      passing: ['STAGING_FULL', 'UPLOAD_IN_PROGRESS'],
      waitMsMax: stagingMsMax,
      retryMs: stagingRetryMs,
      isGone: () => request.socket.destroyed,
    });
    await feed(upload, rewriter, request);
    await upload.finish();
  }

  /** @throws STAGING_FULL, when there is no memory for it yet, and every other refusal */
  async function begin({ id, token }: Ids, round: number, contentLength: number | null): Promise<Upload> {
    const request = { clientId: id, round, trainingToken: token, contentLength, allowZeroExamples: true };
    const upload = gate.beginUpload(request);
    try {
      await upload.ready();
    } catch (error) {
      upload.abort();
      throw error;
    }
    return upload;
  }

  async function feed(upload: Upload, rewriter: UploadRewriter, request: IncomingMessage): Promise<void> {
    const write = (bytes: Uint8Array) => upload.write(bytes);
    try {
      await readBody(request, { ...rules, signal: upload.signal }, (piece) => rewriter.take(piece, write));
      rewriter.end();
    } catch (error) {
      upload.abort();
      throw error;
    }
  }

  /** Reads what is left of a body that is not needed: the answer is only read after all of it was sent. */
  async function dropBody(request: IncomingMessage, bytesMax: number): Promise<void> {
    const tooLarge = () => new ChorusError('PAYLOAD_TOO_LARGE', `The body has more than ${bytesMax} bytes`);
    if (!isBodyOpen(request)) return;
    if ((contentLengthOf(request) ?? 0) > bytesMax) throw tooLarge();
    let bytes = 0;
    await readBody(request, rules, (piece) => {
      bytes += piece.byteLength;
      if (bytes > bytesMax) throw tooLarge();
    });
  }

  return async (app) => {
    const options = { schema: { hide: true }, exposeHeadRoute: false };
    // The body has no Content-Type, and is read here piece by piece, straight into staging memory.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', (_request, _payload, done) => done(null));

    app.get<{ Params: Ids }>('/:id/:token', options, async ({ params }, reply) => {
      const model = openModel(idsOf(params));
      return reply
        .header('cache-control', 'no-store')
        .type('application/octet-stream')
        .send(model ? weightsOf(model).npy : Buffer.alloc(0));
    });

    app.post<{ Params: Ids }>('/:id/:token', options, async ({ params, raw }, reply) => {
      const ids = idsOf(params);
      const { round, isOpen, payloadBytesMax } = gate.recognise({ clientId: ids.id, trainingToken: ids.token });
      try {
        if (isOpen) await takeUpdate(ids, round, raw);
      } catch (error) {
        if (!isRefusal(error, notNeeded)) throw error;
      }
      await dropBody(raw, payloadBytesMax);
      return reply.code(200).send();
    });
  };
}

const idsOf = ({ id, token }: Ids): Ids => ({ id: uuidOf(id), token: uuidOf(token) });

function contentLengthOf({ headers }: IncomingMessage): number | null {
  const length = headers['content-length'];
  return length === undefined ? null : Number(length);
}

/** The one array of a model, and what it is called. @throws MODEL_MISMATCH: this API cannot tell such a model */
function readWeights({ bytes }: PublishedModel): { name: string; npy: Buffer } {
  const tensors = Object.entries(decodeSafetensors(new Uint8Array(bytes)).tensors);
  const [first] = tensors;
  if (!first || tensors.length > 1) {
    throw new ChorusError('MODEL_MISMATCH', `The model has ${tensors.length} tensors; this API knows of one array`);
  }
  const [name, tensor] = first;
  if (tensor.dtype !== 'F32' && tensor.dtype !== 'F64') {
    throw new ChorusError('MODEL_MISMATCH', `The model has dtype ${tensor.dtype}; this API knows of F32 and F64`);
  }
  return { name, npy: Buffer.from(encodeNpy(tensor).buffer) };
}

/** Keeps the answer for the last argument, as everybody in a round asks for the same. */
function keepLast<K, V>(make: (key: K) => V): (key: K) => V {
  let last: { key: K; value: V } | null = null;
  return (key) => {
    if (last?.key !== key) last = { key, value: make(key) };
    return last.value;
  };
}
