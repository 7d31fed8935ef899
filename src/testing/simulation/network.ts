import type { Upload, UploadRequest } from '../../domain/aggregation.ts';
import type { Receipt } from '../../domain/handle.ts';
import { type Answer, refusalOf } from './answers.ts';
import { gateOf, type LiveServer, type OpenCall, type Server, Unreachable } from './server.ts';
import type { World } from './world.ts';

/** Ordinary time a message takes, ms. */
const latencyMsMax = 3;
/** With `reordering` at full intensity. */
const unevenLatencyMsMax = 400;
/** Mean of what a late message is late, ms. */
const lateMsMean = 5_000;
/** How long a caller waits for an answer, ms. */
export const answerMsMax = 30_000;
/** Longest time in which the system answers a call that waits for nothing but itself, ms. */
const settleMsMax = 60_000;
/** Into how many pieces a body is cut at most. */
const piecesMax = 4;

export interface Call<T> {
  /** For the transcript. */
  who: string;
  what: string;
  /** Runs when the message arrives. */
  act: (live: LiveServer) => T | Promise<T>;
  /** Told once. */
  settle: (answer: Answer<T>) => void;
  /** How long the server may rightly hold the answer, ms. @default 0 */
  heldMsMax?: number;
}

export interface UploadCall {
  who: string;
  request: UploadRequest;
  bytes: Uint8Array;
  /** The server says that it counts; whether the client hears of it is another matter. */
  accepted: (receipt: Receipt) => void;
  settle: (answer: Answer<Receipt>) => void;
}

/** One exchange, seen by its caller: it hears exactly one answer. */
interface Exchange<T> {
  readonly who: string;
  readonly what: string;
  readonly dueAtMs: number;
  readonly msMax: number;
  hear: ((answer: Answer<T>) => void) | null;
}

const failed = { kind: 'failed' } as const;

/** Messages between clients and the server, and what befalls them on the way. */
export class Network {
  readonly #world: World;
  readonly #server: Server;

  constructor(world: World, server: Server) {
    this.#world = world;
    this.#server = server;
  }

  /** Sends a request. */
  call<T>({ who, what, act, settle, heldMsMax = 0 }: Call<T>): void {
    const exchange = this.#begin(who, what, answerMsMax + heldMsMax, settle);
    this.#send(exchange, (hearer) => this.#deliver(hearer, heldMsMax, act));
  }

  /** Sends an update, piece by piece. */
  upload({ who, request, bytes, accepted, settle }: UploadCall): void {
    const exchange = this.#begin(who, 'upload', answerMsMax, settle);
    this.#send(exchange, (hearer) => this.#deliverUpload(hearer, request, bytes, accepted));
  }

  #begin<T>(who: string, what: string, msMax: number, settle: (answer: Answer<T>) => void): Exchange<T> {
    return { who, what, dueAtMs: this.#world.nowMs + msMax, msMax, hear: settle };
  }

  #send<T>(exchange: Exchange<T>, deliver: (exchange: Exchange<T>) => void): void {
    const { scheduler } = this.#world;
    const { who, what, dueAtMs, msMax } = exchange;
    const latencyMs = this.#latencyMs();
    const isLost = this.#world.strikes('loss', 0.2);
    if (isLost || latencyMs > msMax) scheduler.after(msMax, () => this.#hear(exchange, failed));
    if (isLost) this.#world.note('network', `loses ${what} of ${who}`);
    else scheduler.after(latencyMs, () => deliver(exchange));
    if (!this.#world.strikes('duplication', 0.2)) return;
    this.#world.note('network', `doubles ${what} of ${who}`);
    const double: Exchange<T> = { who, what: `${what} (double)`, dueAtMs, msMax, hear: null };
    scheduler.after(latencyMs + this.#latencyMs(), () => deliver(double));
  }

  #deliver<T>(exchange: Exchange<T>, heldMsMax: number, act: (live: LiveServer) => T | Promise<T>): void {
    const { live } = this.#server;
    if (!live) {
      this.#answer(exchange, failed);
      return;
    }
    this.#world.touch();
    try {
      const outcome = act(live);
      if (outcome instanceof Promise) this.#await(exchange, live, settleMsMax + heldMsMax, outcome);
      else this.#answer(exchange, live.isDead ? failed : { kind: 'ok', value: outcome });
    } catch (error) {
      this.#refuse(exchange, live, error);
    }
  }

  #deliverUpload(
    exchange: Exchange<Receipt>,
    request: UploadRequest,
    bytes: Uint8Array,
    accepted: (receipt: Receipt) => void,
  ): void {
    const { live } = this.#server;
    if (!live) {
      this.#answer(exchange, failed);
      return;
    }
    this.#world.touch();
    let upload: Upload;
    try {
      upload = gateOf(live).beginUpload(request);
    } catch (error) {
      this.#refuse(exchange, live, error);
      return;
    }
    const cutAt = this.#world.strikes('cut', 0.3) ? this.#world.chance('cut').below(bytes.byteLength + 1) : null;
    const pieces = 1 + this.#world.chance('pieces').below(piecesMax) * this.#world.chance('pieces').below(2);
    const pieceBytes = Math.max(1, Math.ceil(bytes.byteLength / pieces));
    let isOver = false;
    const giveUp = () => {
      isOver = true;
      this.#world.touch();
      upload.abort();
    };
    const open: OpenCall = {
      what: `upload of ${exchange.who}`,
      dueAtMs: this.#world.nowMs + settleMsMax,
      breakOff: () => {
        isOver = true;
        live.openCalls.delete(open);
        this.#answer(exchange, failed);
      },
    };
    live.openCalls.add(open);
    const close = () => live.openCalls.delete(open);

    const send = (from: number): void => {
      if (isOver || live.isDead) return;
      if (upload.signal.aborted) {
        giveUp();
        close();
        this.#refuse(exchange, live, upload.signal.reason);
        return;
      }
      const to = Math.min(bytes.byteLength, from + pieceBytes);
      const end = cutAt === null ? to : Math.min(to, cutAt);
      this.#world.touch();
      try {
        if (end > from) upload.write(bytes.subarray(from, end));
      } catch (error) {
        giveUp();
        close();
        this.#refuse(exchange, live, error);
        return;
      }
      if (cutAt !== null && cutAt <= to) {
        this.#world.note('network', `cuts the upload of ${exchange.who} after ${cutAt} of ${bytes.byteLength} bytes`);
        giveUp();
        close();
        this.#answer(exchange, failed);
        return;
      }
      if (to < bytes.byteLength) {
        this.#world.scheduler.after(this.#latencyMs(), () => send(to));
        return;
      }
      close();
      this.#await(exchange, live, settleMsMax, upload.finish(), accepted);
    };
    upload.ready().then(
      () => send(0),
      (error: unknown) => {
        if (isOver || live.isDead) return;
        giveUp();
        close();
        this.#refuse(exchange, live, error);
      },
    );
  }

  /** Hands the outcome back when there is one; the connection breaks when the process dies first. */
  #await<T>(
    exchange: Exchange<T>,
    live: LiveServer,
    msMax: number,
    outcome: Promise<T>,
    answered?: (value: T) => void,
  ): void {
    let isOver = false;
    const end = (act: () => void) => {
      if (isOver || live.isDead) return;
      isOver = true;
      live.openCalls.delete(open);
      act();
    };
    const open: OpenCall = {
      what: `${exchange.what} of ${exchange.who}`,
      dueAtMs: this.#world.nowMs + msMax,
      breakOff: () => {
        isOver = true;
        live.openCalls.delete(open);
        this.#answer(exchange, failed);
      },
    };
    live.openCalls.add(open);
    // The call itself was the end of the process.
    if (live.isDead) open.breakOff();
    outcome.then(
      (value) =>
        end(() => {
          answered?.(value);
          this.#answer(exchange, { kind: 'ok', value });
        }),
      (error: unknown) => end(() => this.#refuse(exchange, live, error)),
    );
  }

  #refuse(exchange: Exchange<never>, live: LiveServer, error: unknown): void {
    if (live.isDead || error instanceof Unreachable) {
      this.#answer(exchange, failed);
      return;
    }
    const refusal = refusalOf(error);
    if (!refusal) {
      this.#world.violate({
        invariant: 'nothing throws',
        sentence: `${exchange.what} of ${exchange.who} was answered with ${String(error)}, which is no refusal`,
      });
    }
    this.#answer(exchange, refusal ?? failed);
  }

  #answer<T>(exchange: Exchange<T>, answer: Answer<T>): void {
    if (exchange.hear === null) return;
    const { scheduler, nowMs } = this.#world;
    const latencyMs = this.#latencyMs();
    const leftMs = exchange.dueAtMs - nowMs;
    const isLost = this.#world.strikes('loss', 0.2);
    if (isLost) this.#world.note('network', `loses the answer to ${exchange.what} of ${exchange.who}`);
    if (isLost || latencyMs > leftMs) scheduler.after(leftMs, () => this.#hear(exchange, failed));
    else scheduler.after(latencyMs, () => this.#hear(exchange, answer));
  }

  #hear<T>(exchange: Exchange<T>, answer: Answer<T>): void {
    const { hear } = exchange;
    exchange.hear = null;
    hear?.(answer);
  }

  #latencyMs(): number {
    const uneven = this.#world.intensity('reordering');
    const ordinaryMs = this.#world.chance('latency').between(0, latencyMsMax);
    const unevenMs = uneven > 0 ? this.#world.chance('reordering').between(0, unevenLatencyMsMax * uneven) : 0;
    const lateMs = this.#world.strikes('delay', 0.1) ? this.#world.chance('delay').around(lateMsMean) : 0;
    return ordinaryMs + unevenMs + lateMs;
  }
}
