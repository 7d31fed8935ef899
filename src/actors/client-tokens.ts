import { createHmac } from 'node:crypto';
import { secretsEqual } from '../domain/secrets.ts';

/** Proof of identity for clients. */
export interface ClientTokens {
  mint(clientId: string): string;
  check(clientId: string, token: string): boolean;
}

/**
 * Tokens that need no memory: HMAC-SHA-256 of the id under a key that only the server has. An id names its slot's tag,
 * so a token dies with its registration.
 * @param key at least 32 random bytes.
 */
export function createClientTokens(key: Uint8Array): ClientTokens {
  const mint = (clientId: string) => createHmac('sha256', key).update(clientId.toLowerCase()).digest('base64url');
  return { mint, check: (clientId, token) => secretsEqual(mint(clientId), token) };
}
