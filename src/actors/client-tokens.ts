import { createHmac, timingSafeEqual } from 'node:crypto';

/** Proof of identity for clients. */
export interface ClientTokens {
  /** The client's token, the same each time. @param slot the client's, for as long as it is registered */
  mint(slot: number, clientId: string): string;
  /** Whether this is the token minted for the client that now has the slot. Takes as long wherever they differ. */
  check(slot: number, token: string): boolean;
}

const proofBytes = 16;
const slotsAtFirst = 1_024;

/**
 * Tokens are HMAC-SHA-256 of the id under a key that only the server has, cut to 128 bits (RFC 2104, section 5): they can
 * be minted again from the key. What was minted is kept by slot, 16 bytes a client, so that a check hashes nothing. An id
 * names its slot's tag, so a token dies with its registration.
 * @param key at least 32 random bytes.
 */
export function createClientTokens(key: Uint8Array): ClientTokens {
  let proofs = new Uint8Array(slotsAtFirst * proofBytes);
  return {
    mint(slot, clientId) {
      const proof = createHmac('sha256', key).update(clientId.toLowerCase()).digest().subarray(0, proofBytes);
      const end = (slot + 1) * proofBytes;
      if (end > proofs.length) {
        const more = new Uint8Array(Math.max(end, 2 * proofs.length));
        more.set(proofs);
        proofs = more;
      }
      proofs.set(proof, slot * proofBytes);
      return proof.toString('base64url');
    },
    check(slot, token) {
      const given = Buffer.from(token, 'base64url');
      const kept = proofs.subarray(slot * proofBytes, (slot + 1) * proofBytes);
      return given.length === proofBytes && kept.length === proofBytes && timingSafeEqual(given, kept);
    },
  };
}
