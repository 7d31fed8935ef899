import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { isKnownHost } from '../plugins/guard.ts';
import { answerClientError } from '../problem.ts';
import type { Door, FrontDoorDeps } from './door.ts';
import { FastConnection } from './fast-connection.ts';
import { canTakeOver, takeOver } from './native-socket.ts';
import { readPlainRequest } from './request-head.ts';

const headEnd = Buffer.from('\r\n\r\n');

/**
 * Stands before the HTTP server: uploads and downloads of the plain kind are read from the socket straight into staging
 * memory and answered here; every other connection is handed on, with the bytes read so far. Node's HTTP server
 * allocates and copies each piece of a body, which costs more than everything else that is done with an upload.
 */
export class FrontDoor implements Door {
  readonly #deps: FrontDoorDeps;
  readonly #http: (socket: Socket) => void;
  readonly #fresh = new Set<Socket>();
  readonly #fast = new Set<FastConnection>();
  #isClosing = false;

  private constructor(http: (socket: Socket) => void, deps: FrontDoorDeps) {
    this.#http = http;
    this.#deps = deps;
  }

  /** Puts itself before an app's server. Connections are drained with the app's `preClose`. */
  static install(app: FastifyInstance, deps: FrontDoorDeps): void {
    const { server } = app;
    const listeners = server.listeners('connection');
    const http = (socket: Socket) => {
      for (const listener of listeners) listener.call(server, socket);
    };
    const door = new FrontDoor(http, deps);
    server.removeAllListeners('connection');
    Object.assign(server, { pauseOnConnect: true });
    server.on('connection', (socket) => door.#accept(socket));
    app.addHook('preClose', async () => door.#closeIdle());
    const closeAllConnections = server.closeAllConnections.bind(server);
    server.closeAllConnections = () => {
      closeAllConnections();
      door.#destroyAll();
    };
  }

  get isClosing(): boolean {
    return this.#isClosing;
  }

  read(bytes: Buffer, localAddress: string | undefined) {
    const end = bytes.indexOf(headEnd);
    if (end === -1 || end > this.#deps.limits.headerBytesMax) return null;
    const request = readPlainRequest(bytes.toString('latin1', 0, end));
    if (!request) return null;
    if (!isKnownHost(this.#deps.http, request.headers.get('host') ?? '', localAddress)) return null;
    return { request, rest: bytes.subarray(end + headEnd.length) };
  }

  handOn(socket: Socket, bytes: Buffer): void {
    if (bytes.length > 0) socket.unshift(bytes);
    this.#http(socket);
    socket.resume();
  }

  #accept(socket: Socket): void {
    if (!canTakeOver(socket)) {
      this.handOn(socket, Buffer.alloc(0));
      return;
    }
    this.#fresh.add(socket);
    const { limits } = this.#deps;
    const onTimeout = () => answerClientError(Object.assign(new Error(), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), socket);
    const onGone = () => {
      this.#fresh.delete(socket);
      socket.destroy();
    };
    socket.setTimeout(limits.headersMsMax, onTimeout);
    socket.on('error', onGone).on('end', onGone).on('close', onGone);
    socket.once('data', (bytes: Buffer) => {
      this.#fresh.delete(socket);
      socket.pause();
      socket.setTimeout(0, onTimeout).off('error', onGone).off('end', onGone).off('close', onGone);
      const { localAddress } = socket;
      const first = this.read(bytes, localAddress);
      if (!first) {
        this.handOn(socket, bytes);
        return;
      }
      const connection: FastConnection = new FastConnection({
        ...this.#deps,
        door: this,
        localAddress,
        ended: () => this.#fast.delete(connection),
        open: (reader) => takeOver(socket, reader),
      });
      this.#fast.add(connection);
      connection.begin(bytes);
    });
    socket.resume();
  }

  #destroyAll(): void {
    for (const socket of this.#fresh) socket.destroy();
    for (const connection of this.#fast) connection.destroy();
  }

  #closeIdle(): void {
    this.#isClosing = true;
    for (const socket of this.#fresh) socket.destroy();
    for (const connection of this.#fast) connection.closeIfIdle();
  }
}
