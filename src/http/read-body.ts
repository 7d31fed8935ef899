import type { IncomingMessage } from 'node:http';
import { ChorusError } from '../domain/errors.ts';

export interface BodyRules {
  /** Nothing for so long: the body is given up, ms. */
  idleMsMax: number;
  /** Bytes a second it must bring on average once it is `idleMsMax` old. */
  bytesPerSecondMin: number;
  /** Aborted when the body is not wanted any more; its reason is the refusal. */
  signal?: AbortSignal;
}

/**
 * Hands a request's body on piece by piece, as it comes. It does not destroy the request when it stops early, so that the
 * refusal can still be sent. @throws PAYLOAD_TRUNCATED, REQUEST_TIMEOUT, the signal's reason, what `take` throws
 */
export function readBody(
  request: IncomingMessage,
  { idleMsMax, bytesPerSecondMin, signal }: BodyRules,
  take: (piece: Buffer) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const startedAtMs = performance.now();
    let lastAtMs = startedAtMs;
    let bytes = 0;
    const pace = setInterval(
      () => {
        const nowMs = performance.now();
        const ageMs = nowMs - startedAtMs;
        const isStalled = nowMs - lastAtMs > idleMsMax;
        const isSlow = ageMs > idleMsMax && bytes < (bytesPerSecondMin * ageMs) / 1_000;
        if (isStalled || isSlow)
          end(new ChorusError('REQUEST_TIMEOUT', `Only ${bytes} bytes came in ${Math.round(ageMs)} ms`));
      },
      Math.max(10, idleMsMax / 4),
    );
    const onData = (piece: Buffer) => {
      lastAtMs = performance.now();
      bytes += piece.byteLength;
      try {
        take(piece);
      } catch (error) {
        end(error);
      }
    };
    const onEnd = () => end(null);
    const onCut = () => end(new ChorusError('PAYLOAD_TRUNCATED', `The connection broke off after ${bytes} bytes`));
    const onAbort = () => end(signal?.reason);
    function end(error: unknown): void {
      clearInterval(pace);
      request.off('data', onData).off('end', onEnd).off('close', onCut).off('error', onCut);
      signal?.removeEventListener('abort', onAbort);
      if (error === null) resolve();
      else reject(error instanceof Error ? error : new ChorusError('INTERNAL', undefined, { cause: error }));
    }
    if (signal?.aborted) return end(signal.reason);
    if (request.destroyed) return onCut();
    signal?.addEventListener('abort', onAbort);
    request.on('data', onData).on('end', onEnd).on('close', onCut).on('error', onCut);
  });
}

/** A whole body in memory. @throws PAYLOAD_TOO_LARGE, from the declared length when there is one; as {@link readBody} */
export async function readWhole(
  request: IncomingMessage,
  bytesMax: number,
  rules: BodyRules,
): Promise<Uint8Array<ArrayBuffer>> {
  const tooLarge = () => new ChorusError('PAYLOAD_TOO_LARGE', `The body has more than ${bytesMax} bytes`);
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLarge();
  const pieces: Buffer[] = [];
  let length = 0;
  await readBody(request, rules, (piece) => {
    length += piece.byteLength;
    if (length > bytesMax) throw tooLarge();
    pieces.push(piece);
  });
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}

/** Whether the client holds its body back until it is told to go on. */
export const awaitsContinue = ({ headers }: IncomingMessage): boolean =>
  headers.expect?.toLowerCase() === '100-continue';

/** Whether a body was announced and has not come in whole. */
export function isBodyOpen(request: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
  return !request.complete && !request.destroyed && (coding !== undefined || Number(length ?? 0) > 0);
}

/** How long a refused body may go on coming before its connection is cut, ms. */
const lingerMsMax = 5_000;
/** A refused body that brings nothing for so long is cut sooner, ms. */
const lingerIdleMsMax = 1_000;

/**
 * After a refusal before the end of the body: what still comes is thrown away for a while, so that the client can read
 * the answer, and then the connection is cut. Closing at once would reset it, and the answer would be lost with it.
 */
export function throwAwayRest(request: IncomingMessage): void {
  const cut = () => request.destroy();
  const timer = setTimeout(cut, lingerMsMax);
  const idle = setTimeout(cut, lingerIdleMsMax);
  const stop = () => {
    clearTimeout(timer);
    clearTimeout(idle);
  };
  request.on('data', () => idle.refresh());
  request.once('close', stop).once('end', stop);
}
