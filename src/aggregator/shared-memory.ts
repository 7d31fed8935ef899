/**
 * Memory that all threads of the aggregator see. Where WebAssembly is used it is a shared `WebAssembly.Memory`, so that
 * kernels work on uploads and sums where they lie; else a plain shared buffer.
 */
export interface Arena {
  /** The same on every thread, though each gets a memory object of its own. */
  readonly id: number;
  readonly memory: WebAssembly.Memory | SharedArrayBuffer;
}

/** A stretch of an arena. */
export interface Span {
  readonly arena: Arena;
  /** Bytes from the arena's start; a multiple of 64. */
  readonly at: number;
  readonly bytes: number;
}

/** The arena's bytes. */
export function bufferOf({ memory }: Arena): SharedArrayBuffer {
  // A shared memory's buffer is a SharedArrayBuffer; the type says so only for memories known to be shared.
  return memory instanceof SharedArrayBuffer ? memory : (memory.buffer as unknown as SharedArrayBuffer);
}

/** The span's bytes. @param bytes how many of them. @default all */
export const bytesOf = (span: Span, bytes: number = span.bytes): Uint8Array<SharedArrayBuffer> =>
  new Uint8Array(bufferOf(span.arena), span.at, bytes);

/**
 * Copies bytes to a place in shared memory. `TypedArray.set` goes byte by byte there unless both sides lie alike to a
 * multiple of 8, and pieces of a body seldom do; to fill a buffer with as many bytes as it has is one memcpy.
 */
export function copyTo({ arena, at }: Span, byteOffset: number, bytes: Uint8Array): void {
  if (bytes.byteLength === 0) return;
  Buffer.from(bufferOf(arena), at + byteOffset, bytes.byteLength).fill(bytes);
}
