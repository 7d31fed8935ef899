import type { Socket } from 'node:net';
import type { PublishedModel, Upload, UploadGate } from '../../domain/aggregation.ts';
import { ChorusError } from '../../domain/errors.ts';
import type { HttpLimits } from '../../domain/http.ts';
import { type Answer, headText, modelAnswer, problemAnswer } from '../answer.ts';
import { asChorusError } from '../problem.ts';
import { lingerIdleMsMax, lingerMsMax, Pace } from '../read-body.ts';
import type { Door, FrontDoorDeps } from './door.ts';
import { readTo, takeOver } from './native-socket.ts';
import type { PlainRequest } from './request-head.ts';

/** Read at a time, straight into staging memory, bytes. */
const readBytesMax = 4_194_304;
/** Where heads are read to, by every connection in turn: what is not used up at once is copied. */
const scratch = new Uint8Array(65_536);

export interface FastConnectionDeps extends FrontDoorDeps {
  door: Door;
  localAddress: string | undefined;
  /** Takes the connection over, to be read by `reader`. */
  open: (reader: { buffer: () => Uint8Array; callback: (bytes: number, buffer: Uint8Array) => boolean }) => Socket;
  /** The connection is closed or handed on. */
  ended: () => void;
}

type Phase =
  | { name: 'head' }
  /** No byte is read: memory is waited for, or an answer is made. */
  | { name: 'busy' }
  | { name: 'body'; upload: Upload; left: number; pace: Pace; request: PlainRequest; startedAtMs: number }
  /** Refused before the end of the body: what still comes of it is thrown away, so that the client can read the answer. */
  | { name: 'lingering'; left: number }
  /** Answered for the last time. */
  | { name: 'closing' };

/** One connection that asks for plain things, one after another; the first other request takes it to the HTTP server. */
export class FastConnection {
  readonly #deps: FastConnectionDeps;
  readonly #gate: UploadGate;
  readonly #limits: HttpLimits;
  readonly #socket: Socket;
  #phase: Phase = { name: 'busy' };
  /** Came behind a request, and belongs to the next. */
  #ahead: Buffer = Buffer.alloc(0);
  #isOver = false;
  #lingerTimer: NodeJS.Timeout | undefined;

  constructor(deps: FastConnectionDeps) {
    this.#deps = deps;
    this.#gate = deps.gate;
    this.#limits = deps.limits;
    this.#socket = deps.open({ buffer: () => this.#target(), callback: (bytes, buffer) => this.#take(bytes, buffer) });
    this.#socket.setNoDelay(true);
    this.#socket.on('error', () => this.destroy());
    this.#socket.on('close', () => this.#end());
    this.#socket.on('end', () => this.#cut());
    this.#socket.on('timeout', () => this.#timedOut());
  }

  begin(bytes: Buffer): void {
    this.#handle(bytes);
  }

  closeIfIdle(): void {
    // What is still on its way to a slow reader is not cut off.
    if (this.#phase.name === 'head') this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
    this.#end();
  }

  // ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #target(): Uint8Array {
    const { name } = this.#phase;
    if (name !== 'body') return scratch;
    return this.#phase.upload.rest(Math.min(readBytesMax, this.#phase.left)) ?? scratch;
  }

  /** @returns whether to read on. */
  #take(bytes: number, buffer: Uint8Array): boolean {
    const phase = this.#phase;
    if (phase.name === 'closing') return true;
    if (phase.name === 'lingering') return this.#throwAway(phase, Buffer.from(scratch.buffer, 0, bytes));
    if (phase.name !== 'body') {
      const came = Buffer.from(buffer.subarray(0, bytes));
      if (phase.name === 'head') this.#handle(came);
      else this.#ahead = Buffer.concat([this.#ahead, came]);
      return this.#phase.name !== 'busy';
    }
    try {
      phase.upload.signal.throwIfAborted();
      if (buffer !== scratch) {
        phase.upload.filled(bytes);
        phase.left -= bytes;
        phase.pace.note(bytes);
      } else this.#store(phase, Buffer.from(buffer.buffer, 0, bytes));
    } catch (error) {
      this.#refuse(phase, error);
      return this.#phase.name === 'lingering';
    }
    if (phase.left > 0) return true;
    this.#finish(phase);
    return false;
  }

  #store(phase: Extract<Phase, { name: 'body' }>, piece: Buffer): void {
    const own = piece.subarray(0, Math.min(piece.length, phase.left));
    phase.upload.write(own);
    phase.left -= own.length;
    phase.pace.note(own.length);
    if (own.length < piece.length) this.#ahead = Buffer.from(piece.subarray(own.length));
  }

  #throwAway(phase: Extract<Phase, { name: 'lingering' }>, piece: Buffer): boolean {
    phase.left -= piece.length;
    if (phase.left > 0) return true;
    if (phase.left < 0) this.#ahead = Buffer.from(piece.subarray(phase.left));
    // Not while the bytes are being handed over.
    this.#phase = { name: 'busy' };
    setImmediate(() => this.#next());
    return false;
  }

  // ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────

  #handle(bytes: Buffer): void {
    this.#socket.setTimeout(0);
    const read = this.#deps.door.read(bytes, this.#deps.localAddress);
    const admitted = read ? this.#admit(read.request) : null;
    if (!read || admitted === null) {
      this.#phase = { name: 'busy' };
      // Not while the bytes are being handed over: what reads on after that would stop the new reader.
      setImmediate(() => this.#handOn(bytes));
      return;
    }
    const { request, rest } = read;
    this.#phase = { name: 'busy' };
    if ('model' in admitted) this.#download(request, admitted.model, rest);
    else void this.#receive(request, admitted.upload, rest);
  }

  /** @returns null for what is refused or out of the ordinary: that is answered, and counted, by the HTTP server. */
  #admit(request: PlainRequest): { upload: Upload } | { model: PublishedModel | null } | null {
    const { round, token: trainingToken } = request;
    try {
      if (request.kind === 'download') return { model: this.#gate.beginDownload({ round, trainingToken }) };
      const { clientId, contentLength } = request;
      const { payloadBytesMax } = this.#gate.recognise({ clientId, trainingToken });
      if (contentLength > payloadBytesMax) return null;
      return { upload: this.#gate.beginUpload({ clientId, round, trainingToken, contentLength }) };
    } catch {
      return null;
    }
  }

  async #receive(request: PlainRequest, upload: Upload, first: Buffer): Promise<void> {
    if (request.kind !== 'upload') return;
    const startedAtMs = performance.now();
    const { uploadIdleMsMax: idleMsMax, uploadBytesPerSecondMin: bytesPerSecondMin } = this.#limits;
    const pace = new Pace({ idleMsMax, bytesPerSecondMin });
    const phase = { name: 'body' as const, upload, left: request.contentLength, pace, request, startedAtMs };
    try {
      await upload.ready();
      if (this.#isOver) return upload.abort();
      this.#phase = phase;
      pace.start();
      // Nothing is read while memory is waited for; if a Node does not keep to that, it is not lost.
      const came = this.#ahead.length === 0 ? first : Buffer.concat([first, this.#ahead]);
      this.#ahead = Buffer.alloc(0);
      this.#store(phase, came);
    } catch (error) {
      if (this.#isOver) return upload.abort();
      return this.#refuse(phase, error);
    }
    if (phase.left === 0) return this.#finish(phase);
    upload.signal.addEventListener('abort', () => {
      if (this.#phase === phase) this.#refuse(phase, upload.signal.reason);
    });
    this.#socket.setTimeout(idleMsMax);
    this.#socket.resume();
  }

  #finish(phase: Extract<Phase, { name: 'body' }>): void {
    this.#socket.setTimeout(0);
    this.#phase = { name: 'busy' };
    void phase.upload
      .finish()
      .then(
        (receipt): Answer => ({
          status: 200,
          headers: { 'content-type': 'application/json; charset=utf-8' },
          body: JSON.stringify({ verdict: 'accepted', receipt }),
        }),
        (error: unknown) => problemAnswer(asChorusError(error)),
      )
      .then((answer) => this.#answer(phase.request, answer, phase.startedAtMs));
  }

  #refuse(phase: Extract<Phase, { name: 'body' }>, error: unknown): void {
    // Before its memory is given back: the next bytes would be read into what may be another upload's by then.
    readTo(this.#socket, scratch);
    phase.upload.abort();
    this.#phase = phase.left === 0 ? { name: 'busy' } : { name: 'lingering', left: phase.left };
    this.#answer(phase.request, problemAnswer(asChorusError(error)), phase.startedAtMs);
  }

  #download(request: PlainRequest, model: PublishedModel | null, rest: Buffer): void {
    const startedAtMs = performance.now();
    this.#ahead = Buffer.concat([rest, this.#ahead]);
    const asked = (name: string) => request.headers.get(name);
    const answer: Answer = model
      ? modelAnswer(
          { 'if-none-match': asked('if-none-match'), 'if-range': asked('if-range'), range: asked('range') },
          model.info,
          model.bytes,
        )
      : { status: 204, headers: {}, body: '' };
    this.#answer(request, answer, startedAtMs);
  }

  // ── answers ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #answer(request: PlainRequest, answer: Answer, startedAtMs: number): void {
    if (this.#isOver) return;
    const stays = request.keepAlive && !this.#deps.door.isClosing;
    const { keepAliveMs } = this.#limits;
    const connection: Record<string, string> = stays
      ? { Connection: 'keep-alive', 'Keep-Alive': `timeout=${Math.floor(keepAliveMs / 1_000)}` }
      : { Connection: 'close' };
    this.#socket.cork();
    this.#socket.write(headText(answer, connection), 'latin1');
    if (answer.body.length > 0 && answer.status !== 304) this.#socket.write(answer.body);
    this.#socket.uncork();
    this.#deps.durations.add({
      method: request.kind === 'upload' ? 'PUT' : 'GET',
      route: request.kind === 'upload' ? '/v1/rounds/:round/updates/:clientId' : '/v1/rounds/:round/model',
      status: answer.status,
      ms: performance.now() - startedAtMs,
    });
    if (stays && this.#phase.name !== 'lingering') {
      this.#next();
      return;
    }
    // What still comes is read for a while: closing at once would reset the connection, and the answer be lost.
    if (!stays) {
      this.#phase = { name: 'closing' };
      this.#socket.end();
    }
    this.#lingerTimer = setTimeout(() => this.destroy(), lingerMsMax);
    this.#socket.setTimeout(lingerIdleMsMax);
    this.#socket.resume();
  }

  #next(): void {
    if (this.#isOver) return;
    clearTimeout(this.#lingerTimer);
    this.#phase = { name: 'head' };
    this.#socket.setTimeout(this.#limits.keepAliveMs);
    const ahead = this.#ahead;
    this.#ahead = Buffer.alloc(0);
    if (ahead.length > 0) this.#handle(ahead);
    else this.#socket.resume();
  }

  #handOn(bytes: Buffer): void {
    if (this.#isOver) return;
    const socket = takeOver(this.#socket, null);
    this.#end();
    this.#deps.door.handOn(socket, Buffer.from(bytes));
  }

  // ── ends ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The client has sent all that it will. */
  #cut(): void {
    const phase = this.#phase;
    if (phase.name === 'busy') return;
    if (phase.name !== 'body') {
      this.destroy();
      return;
    }
    phase.request = { ...phase.request, keepAlive: false };
    this.#refuse(phase, new ChorusError('PAYLOAD_TRUNCATED'));
  }

  #timedOut(): void {
    const phase = this.#phase;
    if (phase.name === 'body') this.#refuse(phase, phase.pace.refusal());
    else this.destroy();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#lingerTimer);
    const phase = this.#phase;
    if (phase.name === 'body') phase.upload.abort();
    this.#deps.ended();
  }
}
