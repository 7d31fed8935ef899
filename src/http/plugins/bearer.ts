import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ChorusError } from '../../domain/errors.ts';
import type { CoordinatorHandle } from '../../domain/handle.ts';
import type { HttpLimits } from '../../domain/http.ts';
import { secretsEqual } from '../../domain/secrets.ts';

/** @returns the token of `Authorization: Bearer …`, or '' when there is none. */
export function bearerOf(request: FastifyRequest): string {
  const { authorization = '' } = request.headers;
  return /^bearer +(\S+) *$/i.exec(authorization)?.[1] ?? '';
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The client whose token came with the request, or null. */
    authenticatedAs: string | null;
  }
}

/**
 * Finds out which client asks, and counts its requests by client; those of nobody are counted by address. So nobody can
 * use up another client's requests, and guessing tokens is counted too.
 */
export function identifyClients(app: FastifyInstance, handle: CoordinatorHandle, limits: HttpLimits): void {
  app.decorateRequest('authenticatedAs', null);
  app.addHook('onRequest', (request, _reply, done) => {
    const { clientId } = request.params as { clientId?: string };
    const token = bearerOf(request);
    try {
      if (clientId !== undefined && token !== '' && handle.authenticate(clientId, token)) {
        request.authenticatedAs = clientId.toLowerCase();
      }
    } catch {
      // Unknown: said by the route, which knows whether it matters.
    }
    done();
  });
  app.addHook(
    'onRequest',
    app.rateLimit({
      keyGenerator: (request) => request.authenticatedAs ?? request.ip,
      max: (request) => (request.authenticatedAs === null ? limits.requestsPerAddressMax : limits.requestsPerClientMax),
    }),
  );
}

/** Lets a client in by its own token, before a byte of the body is read. @throws CLIENT_UNKNOWN, CLIENT_TOKEN_INVALID */
export function clientOnly(handle: CoordinatorHandle) {
  return (request: FastifyRequest, _reply: FastifyReply, done: () => void): void => {
    const { clientId } = request.params as { clientId: string };
    if (request.authenticatedAs === null) mustBeClient(handle, clientId, request);
    done();
  };
}

/** @throws CLIENT_UNKNOWN, CLIENT_TOKEN_INVALID */
export function mustBeClient(handle: CoordinatorHandle, clientId: string, request: FastifyRequest): void {
  if (!handle.authenticate(clientId, bearerOf(request))) {
    throw new ChorusError('CLIENT_TOKEN_INVALID', `The token is not that of client ${clientId.slice(0, 64)}`);
  }
}

/** Lets the operator in, before a byte of the body is read. @throws ADMIN_TOKEN_INVALID */
export function adminOnly(adminToken: string) {
  return async (request: FastifyRequest): Promise<void> => {
    if (!secretsEqual(adminToken, bearerOf(request))) throw new ChorusError('ADMIN_TOKEN_INVALID');
  };
}
