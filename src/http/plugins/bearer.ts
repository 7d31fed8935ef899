import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ChorusError } from '../../domain/errors.ts';
import type { CoordinatorHandle } from '../../domain/handle.ts';
import type { HttpLimits } from '../../domain/http.ts';
import { secretsEqual } from '../../domain/secrets.ts';
import type { Rates } from '../rates.ts';

/** @returns the token of `Authorization: Bearer …`, or '' when there is none. */
export const tokenIn = ({ authorization = '' }: IncomingHttpHeaders): string =>
  /^bearer +(\S+) *$/i.exec(authorization)?.[1] ?? '';

export const bearerOf = (request: FastifyRequest): string => tokenIn(request.headers);

/** Whether the token is this client's. That there is no such client is not said here, but where it matters. */
export function isClient(handle: CoordinatorHandle, clientId: string, token: string): boolean {
  try {
    return token !== '' && handle.authenticate(clientId, token);
  } catch {
    return false;
  }
}

/** Under what a client's requests are counted: an id may be written in capitals. */
export const rateKeyOf = (clientId: string): string => clientId.toLowerCase();

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
export function identifyClients(
  app: FastifyInstance,
  { handle, limits, rates }: { handle: CoordinatorHandle; limits: HttpLimits; rates: Rates },
): void {
  app.decorateRequest('authenticatedAs', null);
  app.addHook('onRequest', (request, _reply, done) => {
    const { clientId } = request.params as { clientId?: string };
    if (clientId !== undefined && isClient(handle, clientId, bearerOf(request))) {
      request.authenticatedAs = rateKeyOf(clientId);
    }
    const { authenticatedAs } = request;
    if (authenticatedAs === null) rates.count(request.ip, limits.requestsPerAddressMax);
    else rates.count(authenticatedAs, limits.requestsPerClientMax);
    done();
  });
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
