import { connect } from 'node:net';

export interface RawAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** Sends pieces one after another, and reads as many answers as are wanted, or until the connection ends. */
export function converse(
  port: number,
  pieces: readonly (Buffer | string)[],
  wanted: number,
  { halfClose = false } = {},
): Promise<RawAnswer[]> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let got = Buffer.alloc(0);
    const finish = () => {
      socket.destroy();
      resolve(answersIn(got));
    };
    socket.on('data', (piece: Buffer) => {
      got = Buffer.concat([got, piece]);
      if (answersIn(got).length >= wanted) finish();
    });
    socket.on('end', finish).on('error', finish);
    socket.on('connect', () => {
      const send = (index: number): void => {
        const piece = pieces[index];
        if (piece === undefined) {
          if (halfClose) socket.end();
          return;
        }
        socket.write(piece, () => setImmediate(() => send(index + 1)));
      };
      send(0);
    });
  });
}

/** The whole answers in what was read, without what differs from one moment to the next. */
function answersIn(bytes: Buffer): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let at = 0;
  for (;;) {
    const end = bytes.indexOf('\r\n\r\n', at);
    if (end === -1) return answers;
    const [first = '', ...lines] = bytes.toString('latin1', at, end).split('\r\n');
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    );
    const length = Number(headers['content-length'] ?? 0);
    if (bytes.length < end + 4 + length) return answers;
    // The latter two say only what becomes of the connection, and depend on what else it has brought so far.
    for (const name of ['date', 'connection', 'keep-alive']) delete headers[name];
    const body = bytes.toString('latin1', end + 4, end + 4 + length).replace(/in \d+ ms/, 'in … ms');
    headers['content-length'] = String(body.length);
    answers.push({ status: Number(first.split(' ')[1]), headers, body });
    at = end + 4 + length;
  }
}
