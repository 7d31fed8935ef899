/** The clients' side of large bodies, in a process of its own and as lean as it can be: raw sockets, one buffer for all. */
import { connect } from 'node:net';
import { modelFile } from '../support/model-file.ts';
import { serveCommands, sharedNow } from './serve-commands.ts';

interface Transfers {
  port: number;
  /** One request each: everything before the body. */
  heads: string[];
}

/** Told to come back later so often, an upload gives up. */
const attemptsMax = 200;
const retryAfterMs = 1_000;
const headBytesMax = 65_536;

let body: Uint8Array = new Uint8Array();
/** What comes is read into here, whoever it is for. */
const readInto = Buffer.alloc(1_048_576);

interface Outcome {
  status: number;
  /** The first bytes of the answer. */
  start: string;
}

/** One connection: sends, reads the answer to its end. */
function transfer(port: number, head: string, sent: Uint8Array | null): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    let start = '';
    let left = -1;
    const socket = connect({ port, host: '127.0.0.1', onread: { buffer: readInto, callback: take } });
    socket.on('connect', () => {
      socket.write(head);
      if (sent) socket.write(sent);
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('The server closed the connection')));
    function take(bytes: number): boolean {
      if (left === -1) {
        start += readInto.toString('latin1', 0, Math.min(bytes, headBytesMax));
        const end = start.indexOf('\r\n\r\n');
        if (end === -1) return true;
        const length = Number(/\r\ncontent-length: (\d+)/i.exec(start.slice(0, end))?.[1] ?? 0);
        // The head comes in one piece or two; what of the body came with it is the rest of this one.
        left = length - (bytes - (end + 4 - (start.length - Math.min(bytes, headBytesMax))));
      } else left -= bytes;
      if (left > 0) return true;
      socket.destroy();
      resolve({ status: Number(start.slice(9, 12)), start: start.slice(0, 600) });
      return true;
    }
  });
}

/** Sends again what is put off for want of memory. */
async function send(port: number, head: string, sent: Uint8Array | null): Promise<void> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const { status, start } = await transfer(port, head, sent);
    if (status >= 200 && status < 300) return;
    if (status !== 503) throw new Error(start);
    await new Promise((resolve) => setTimeout(resolve, retryAfterMs));
  }
  throw new Error(`Put off ${attemptsMax} times`);
}

/** All at once. @returns when it began, on the shared clock, and how long it took until the last was answered, ms. */
async function sendAll({ port, heads }: Transfers, sent: Uint8Array | null) {
  const startedAt = sharedNow();
  await Promise.all(heads.map((head) => send(port, head, sent)));
  return { startedAt, ms: sharedNow() - startedAt };
}

serveCommands({
  /** Makes the one body that all uploads send. @returns its bytes */
  model: ({ parameters }: { parameters: number }) => {
    body = modelFile(parameters).bytes;
    return body.byteLength;
  },
  upload: (transfers: Transfers) => sendAll(transfers, body),
  download: (transfers: Transfers) => sendAll(transfers, null),
});
