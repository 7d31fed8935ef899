import { createHmac, timingSafeEqual } from 'node:crypto';

/** Proof of identity for clients. */
export interface ClientTokens {
  /** The client's token, the same each time. @param slot the client's, for as long as it is registered */
  mint(slot: number, clientId: string): string;
  /** Whether this is the token of the client that now has the slot. Takes as long wherever they differ. */
  check(slot: number, clientId: string, token: string): boolean;
  /** The client's token for one attempt at a round, the same each time: a UUID. */
  trainingToken(clientId: string, run: string, round: number, attempt: number): string;
}

const proofBytes = 16;
const slotsAtFirst = 1_024;

/**
 * Tokens are HMAC-SHA-256 of the id under a key that only the server has, cut to 128 bits (RFC 2104, section 5): they can
 * be minted again from the key, also by a later process. What was minted is kept by slot, 16 bytes a client, so that a
 * check hashes nothing but for the first time. An id names its slot's tag, so a token dies with its registration.
 * @param key at least 32 random bytes.
 */
export function createClientTokens(key: Uint8Array): ClientTokens {
  let proofs = new Uint8Array(slotsAtFirst * proofBytes);
  const proofOf = (text: string): Buffer => createHmac('sha256', key).update(text).digest().subarray(0, proofBytes);
  const isMinted = (slot: number): boolean =>
    proofs.subarray(slot * proofBytes, (slot + 1) * proofBytes).some((byte) => byte !== 0);

  const tokens: ClientTokens = {
    mint(slot, clientId) {
      const proof = proofOf(clientId.toLowerCase());
      const end = (slot + 1) * proofBytes;
      if (end > proofs.length) {
        const more = new Uint8Array(Math.max(end, 2 * proofs.length));
        more.set(proofs);
        proofs = more;
      }
      proofs.set(proof, slot * proofBytes);
      return proof.toString('base64url');
    },
    check(slot, clientId, token) {
      // Registered with an earlier process, and not heard of since.
      if (!isMinted(slot)) tokens.mint(slot, clientId);
      const given = Buffer.from(token, 'base64url');
      const kept = proofs.subarray(slot * proofBytes, (slot + 1) * proofBytes);
      return given.length === proofBytes && kept.length === proofBytes && timingSafeEqual(given, kept);
    },
    trainingToken(clientId, run, round, attempt) {
      const bits = proofOf(`${run} ${round} ${attempt} ${clientId.toLowerCase()}`);
      // Version 8 and the variant of RFC 9562: 122 bits are the proof's.
      bits[6] = ((bits[6] ?? 0) & 0x0f) | 0x80;
      bits[8] = ((bits[8] ?? 0) & 0x3f) | 0x80;
      return bits.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    },
  };
  return tokens;
}
