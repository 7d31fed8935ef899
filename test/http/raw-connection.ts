import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { patienceMs } from './calls.ts';

/** An answer as it came over a bare socket. */
export interface RawAnswer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: what came is for the test to judge
  json: any;
}

/** A connection on which a test says each byte itself. */
export class RawConnection {
  readonly socket: Socket;
  /** Everything received. */
  received = '';
  isClosed = false;
  #onChange: () => void = () => undefined;

  private constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.socket = connect({ host: hostname, port: Number(port), noDelay: true });
    this.socket.setEncoding('latin1');
    this.socket.on('data', (text: string) => {
      this.received += text;
      this.#onChange();
    });
    // A connection that the server resets is closed like any other.
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.isClosed = true;
      this.#onChange();
    });
  }

  /** Opens a connection, and closes it when the test is over. */
  static open(url: string): RawConnection {
    const connection = new RawConnection(url);
    onTestFinished(() => {
      connection.socket.destroy();
    });
    return connection;
  }

  /** @param lines request line and headers; `Host` is added, and so is the empty line. */
  head(lines: readonly string[]): this {
    const [request, ...headers] = lines;
    return this.write([request, 'Host: localhost', ...headers, '', ''].join('\r\n'));
  }

  write(bytes: string | Uint8Array): this {
    this.socket.write(bytes);
    return this;
  }

  /** Waits until what was received says so. */
  async until(isThere: (received: string) => boolean): Promise<string> {
    await this.#wait(() => isThere(this.received) || this.isClosed);
    if (!isThere(this.received)) throw new Error(`It was closed after ${JSON.stringify(this.received.slice(0, 500))}`);
    return this.received;
  }

  async closed(): Promise<string> {
    await this.#wait(() => this.isClosed);
    return this.received;
  }

  /** The next answer that is not `100 Continue`, with a body of declared length. */
  async answer(): Promise<RawAnswer> {
    await this.until((text) => wholeAnswer(text) !== null);
    const { answer, rest } = wholeAnswer(this.received) as { answer: RawAnswer; rest: string };
    this.received = rest;
    return answer;
  }

  async #wait(isOver: () => boolean): Promise<void> {
    if (isOver()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`Nothing more came after ${JSON.stringify(this.received.slice(0, 500))}`)),
        patienceMs,
      );
      this.#onChange = () => {
        if (!isOver()) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** The first answer in what came, or null while it is not whole. */
function wholeAnswer(text: string): { answer: RawAnswer; rest: string } | null {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return null;
  const [start = '', ...lines] = text.slice(0, end).split('\r\n');
  const status = Number(start.split(' ')[1]);
  if (status === 100) return wholeAnswer(text.slice(end + 4));
  const headers = new Headers(
    lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const body = text.slice(end + 4);
  const length = Number(headers.get('content-length') ?? 0);
  if (body.length < length) return null;
  const content = body.slice(0, length);
  const json = /json/.test(headers.get('content-type') ?? '') ? JSON.parse(content) : null;
  return { answer: { status, headers, json }, rest: body.slice(length) };
}
