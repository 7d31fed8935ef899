/** Headers that change how a request is to be read, or that a browser adds: those are the HTTP server's matter. */
const foreign = new Set([
  'transfer-encoding',
  'content-encoding',
  'expect',
  'upgrade',
  'te',
  'trailer',
  'origin',
  'proxy-connection',
  'http2-settings',
]);
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const value = /^[\t\x20-\x7e]*$/;
const target = /^(GET|PUT) \/v1\/rounds\/([1-9]\d{0,8})\/(model|updates\/([0-9A-Fa-f-]{36})) HTTP\/1\.1$/;

/** A request that the front door can answer itself. */
export type PlainRequest = {
  headers: ReadonlyMap<string, string>;
  keepAlive: boolean;
  round: number;
  token: string;
} & ({ kind: 'download' } | { kind: 'upload'; clientId: string; contentLength: number });

/**
 * Reads a request's head, and takes it only when there is one way to read it: two headers of one name, folded lines, bare
 * line feeds, lengths that are no plain number and everything else out of the ordinary are left to the HTTP server.
 * @param head everything before the empty line. @returns null: not for the front door.
 */
export function readPlainRequest(head: string): PlainRequest | null {
  const [requestLine = '', ...lines] = head.split('\r\n');
  const [, method, round, , clientId] = target.exec(requestLine) ?? [];
  if (method === undefined || (method === 'PUT') !== (clientId !== undefined)) return null;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const given = line.slice(colon + 1);
    if (colon < 1 || !token.test(name) || !value.test(given)) return null;
    if (headers.has(name) || foreign.has(name)) return null;
    headers.set(name, given.trim());
  }
  if (!headers.has('host')) return null;
  const connection = (headers.get('connection') ?? 'keep-alive').toLowerCase();
  if (connection !== 'keep-alive' && connection !== 'close') return null;
  const [, bearer = ''] = /^bearer +(\S+)$/i.exec(headers.get('authorization') ?? '') ?? [];
  if (bearer === '') return null;
  const length = headers.get('content-length');
  const common = { headers, keepAlive: connection === 'keep-alive', round: Number(round), token: bearer };
  if (clientId === undefined) return length === undefined || length === '0' ? { ...common, kind: 'download' } : null;
  if (length === undefined || !/^(0|[1-9]\d{0,14})$/.test(length)) return null;
  return { ...common, kind: 'upload', clientId, contentLength: Number(length) };
}
