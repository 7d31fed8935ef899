import type { IncomingMessage } from 'node:http';
import { ChorusError } from '../domain/errors.ts';

export interface PaceRules {
  /** Nothing for so long: the body is given up, ms. */
  idleMsMax: number;
  /** Bytes a second it must bring on average once it is `idleMsMax` old. */
  bytesPerSecondMin: number;
}

/** How fast a body comes. */
export class Pace {
  readonly #rules: PaceRules;
  #startedAtMs = performance.now();
  #lastAtMs = this.#startedAtMs;
  #bytes = 0;

  constructor(rules: PaceRules) {
    this.#rules = rules;
  }

  /** From now on time counts. */
  start(): void {
    this.#startedAtMs = performance.now();
    this.#lastAtMs = this.#startedAtMs;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** So many bytes came. @throws REQUEST_TIMEOUT */
  note(bytes: number): void {
    this.#bytes += bytes;
    this.#lastAtMs = performance.now();
    this.check();
  }

  /** @throws REQUEST_TIMEOUT */
  check(): void {
    const nowMs = performance.now();
    const { idleMsMax, bytesPerSecondMin } = this.#rules;
    const ageMs = nowMs - this.#startedAtMs;
    const isSlow = ageMs > idleMsMax && this.#bytes < (bytesPerSecondMin * ageMs) / 1_000;
    if (isSlow || nowMs - this.#lastAtMs > idleMsMax) throw this.refusal();
  }

  refusal(): ChorusError {
    const ageMs = Math.round(performance.now() - this.#startedAtMs);
    return new ChorusError('REQUEST_TIMEOUT', `Only ${this.#bytes} bytes came in ${ageMs} ms`);
  }
}

export interface BodyRules extends PaceRules {
  /** Aborted when the body is not wanted any more; its reason is the refusal. */
  signal?: AbortSignal;
}

/**
 * Hands a request's body on piece by piece, as it comes. It does not destroy the request when it stops early, so that the
 * refusal can still be sent. @throws PAYLOAD_TRUNCATED, REQUEST_TIMEOUT, the signal's reason, what `take` throws
 */
export function readBody(
  request: IncomingMessage,
  { signal, ...rules }: BodyRules,
  take: (piece: Buffer) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const pace = new Pace(rules);
    const attempt = (act: () => void) => {
      try {
        act();
      } catch (error) {
        end(error);
      }
    };
    const timer = setInterval(() => attempt(() => pace.check()), Math.max(10, rules.idleMsMax / 4));
    const onData = (piece: Buffer) =>
      attempt(() => {
        take(piece);
        pace.note(piece.byteLength);
      });
    const onEnd = () => end(null);
    const onCut = () => end(new ChorusError('PAYLOAD_TRUNCATED', `The connection broke off after ${pace.bytes} bytes`));
    const onAbort = () => end(signal?.reason);
    function end(error: unknown): void {
      clearInterval(timer);
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

/** Whether a body was announced and nobody has read it to its end; whether it is here already does not matter. */
export function isBodyOpen(request: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
  return !request.readableEnded && !request.destroyed && (coding !== undefined || Number(length ?? 0) > 0);
}

/** How long a refused body may go on coming before its connection is cut, ms. */
export const lingerMsMax = 5_000;

/** A refused body that brings nothing for so long is cut sooner, ms. */
export const lingerIdleMsMax = 1_000;

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
