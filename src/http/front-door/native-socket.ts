/**
 * The one place that leans on what Node does not document: a socket's native handle can be given to another socket
 * object. With it, an accepted connection can be read straight into memory of ours (`onread`), which Node otherwise
 * grants to outgoing connections only. `canTakeOver` says whether this Node has what is needed; where it has not, the
 * front door stays shut and everything goes through the HTTP server.
 */
import { type Server, Socket } from 'node:net';

interface Inner {
  _handle: { useUserBuffer?: (buffer: Uint8Array) => void; readStop?: () => number; reading?: boolean } | null;
  _server: Server | null;
  server: Server | null;
}

const innerOf = (socket: Socket): Inner => socket as unknown as Inner;

/** Whether this Node lets a connection be read into memory of ours. */
export const canTakeOver = (socket: Socket): boolean => typeof innerOf(socket)._handle?.useUserBuffer === 'function';

interface Reader {
  /** Where the next bytes are to go. */
  buffer: () => Uint8Array;
  /** @returns false: read no more until `resume`. */
  callback: (bytes: number, buffer: Uint8Array) => boolean;
}

/** What comes next is read to here, and not to where the reader said last. */
export function readTo(socket: Socket, buffer: Uint8Array): void {
  innerOf(socket)._handle?.useUserBuffer?.(buffer);
}

/** Moves a connection to a new socket; the old object is an empty shell afterwards. The server counts it as before. */
export function takeOver(socket: Socket, reader: Reader | null): Socket {
  const old = innerOf(socket);
  const { _handle: handle, _server: server } = old;
  if (handle?.reading) {
    // Else what is in the kernel's buffer goes on coming before anybody wants it, and would have to be copied.
    handle.reading = false;
    handle.readStop?.();
  }
  old._handle = null;
  old._server = null;
  socket.removeAllListeners();
  // Read when it is resumed, and not before: what is read too early has to be copied.
  const options = { handle, allowHalfOpen: true, manualStart: true, ...(reader ? { onread: reader } : {}) };
  const fresh = new Socket(options as ConstructorParameters<typeof Socket>[0]);
  const inner = innerOf(fresh);
  inner._server = server;
  inner.server = server;
  return fresh;
}
