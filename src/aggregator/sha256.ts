import { createHash } from 'node:crypto';

/** Hashing larger pieces at once is slower. */
const hashPieceBytes = 131_072;

/** SHA-256, in hex. */
export function sha256Of(bytes: Uint8Array): string {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes.byteLength; at += hashPieceBytes) hash.update(bytes.subarray(at, at + hashPieceBytes));
  return hash.digest('hex');
}
