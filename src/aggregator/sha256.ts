import { createHash, type Hash } from 'node:crypto';

/** Hashing larger pieces at once is slower. */
const hashPieceBytes = 131_072;

/** SHA-256, in hex. */
export function sha256Of(bytes: Uint8Array): string {
  const hash = createHash('sha256');
  updateInPieces(hash, bytes);
  return hash.digest('hex');
}

export function updateInPieces(hash: Hash, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.byteLength; at += hashPieceBytes) hash.update(bytes.subarray(at, at + hashPieceBytes));
}
