import { createHash } from 'node:crypto';
import type { FolderFile } from './data-folder.ts';

const readBytes = 1_048_576;
/** Hashing larger pieces at once is slower. */
const hashBytes = 131_072;

/**
 * The SHA-256 of a stretch of a file, read piece by piece. @param onBytes told of each piece.
 * @returns its hex digest, and how many of the bytes were there.
 */
export async function sha256Of(
  file: FolderFile,
  { at, bytes }: { at: number; bytes: number },
  onBytes: (bytes: number) => void,
): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256');
  const piece = new Uint8Array(Math.min(readBytes, Math.max(1, bytes)));
  let done = 0;
  while (done < bytes) {
    const wanted = piece.subarray(0, Math.min(piece.byteLength, bytes - done));
    const read = await file.read(wanted, at + done);
    for (let from = 0; from < read; from += hashBytes)
      hash.update(wanted.subarray(from, Math.min(read, from + hashBytes)));
    done += read;
    onBytes(read);
    if (read < wanted.byteLength) break;
  }
  return { sha256: hash.digest('hex'), bytes: done };
}
