import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { ChorusError } from '../../domain/errors.ts';
import type { HttpSettings } from '../../domain/http.ts';

const hostName = (host: string): string =>
  host
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();

const isLoopback = (address: string | undefined): boolean =>
  address !== undefined && (/^(::ffff:)?127\./.test(address) || address === '::1');

/** Whether a server reached at this address answers under this name. */
export function isKnownHost(
  { allowedHosts = [] }: HttpSettings,
  host: string,
  localAddress: string | undefined,
): boolean {
  if (allowedHosts.length === 0 && !isLoopback(localAddress)) return true;
  const name = hostName(host);
  return name === 'localhost' || isIP(name) !== 0 || allowedHosts.some((allowed) => allowed.toLowerCase() === name);
}

/** Whether a request has more than one `Host`; Node keeps the first, and whoever is in front may go by another. */
export function namesManyHosts({ rawHeaders }: IncomingMessage): boolean {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() === 'host') count += 1;
  }
  return count > 1;
}

/** Whether the target is a whole URL, as one sends it to a proxy, of another host than the header says. */
function isForElsewhere({ url = '' }: IncomingMessage, host: string): boolean {
  const authority = /^[a-z][a-z\d+.-]*:\/\/([^/?#]*)/i.exec(url)?.[1];
  return authority !== undefined && authority.toLowerCase() !== host.toLowerCase();
}

/**
 * Keeps other sites' pages out. A page may give its own host name the server's address (DNS rebinding), so a server
 * reached over loopback answers only under its address, `localhost` and the names it was told. And a page's own
 * requests carry its Origin, which must be the server's own or an allowed one.
 */
export function guardOrigins(app: FastifyInstance, http: HttpSettings): void {
  const { corsOrigins = [] } = http;
  const origins = new Set(corsOrigins);
  app.addHook('onRequest', (request, _reply, done) => {
    const { host = '', origin } = request.headers;
    if (host === '') throw new ChorusError('REQUEST_INVALID', 'The request names no Host');
    if (namesManyHosts(request.raw) || isForElsewhere(request.raw, host)) {
      throw new ChorusError('REQUEST_INVALID', 'The request names more than one host');
    }
    if (!isKnownHost(http, host, request.socket.localAddress)) {
      throw new ChorusError('HOST_NOT_ALLOWED', `This server is not known as ${JSON.stringify(host.slice(0, 128))}`);
    }
    const isOurs = origin === undefined || origins.has('*') || origins.has(origin);
    if (!isOurs && origin.toLowerCase() !== `${request.protocol}://${host.toLowerCase()}`) {
      throw new ChorusError('ORIGIN_NOT_ALLOWED', `Pages of ${JSON.stringify(origin.slice(0, 128))} may not call it`);
    }
    done();
  });
}
