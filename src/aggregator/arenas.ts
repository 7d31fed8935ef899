import type { Arena, Span } from './shared-memory.ts';

const pageBytes = 65_536;
/** What one WebAssembly memory can hold: 4 GiB. */
export const arenaBytesMax = 65_536 * pageBytes;
const granuleBytes = 64;
/** Added to each span, so that several do not start at the same place of a page: that costs a third of the bandwidth. */
const staggerBytes = 4_160;

let arenasMade = 0;

/** A free stretch. */
interface Gap {
  at: number;
  bytes: number;
}

interface OwnedArena {
  readonly arena: Arena;
  readonly bytes: number;
  /** Ascending; neighbours are merged. */
  gaps: Gap[];
}

export interface ArenasOptions {
  /** `wasm`: memories that kernels can work in; `plain`: a buffer for each span, for simulation and where WebAssembly is not to be had. */
  kind: 'wasm' | 'plain';
  /** Size of an arena, as far as what is asked of it allows, bytes. Only what is used of it takes real memory. */
  arenaBytes: number;
  /** Makes a shared memory. @throws {RangeError} when the system gives none. @default WebAssembly.Memory */
  createMemory?: (pages: number) => WebAssembly.Memory;
}

const sharedMemory = (pages: number): WebAssembly.Memory =>
  new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });

/**
 * Hands out spans of shared memory: the first gap that fits, so that the lowest bytes are used again and again, and only
 * they take real memory. How much is handed out is not its matter; see `StagingBudget`.
 */
export class Arenas {
  readonly #kind: 'wasm' | 'plain';
  readonly #arenaBytes: number;
  readonly #createMemory: (pages: number) => WebAssembly.Memory;
  #owned: OwnedArena[] = [];

  constructor({ kind, arenaBytes, createMemory = sharedMemory }: ArenasOptions) {
    this.#kind = kind;
    this.#arenaBytes = arenaBytes;
    this.#createMemory = createMemory;
  }

  /**
   * @param bytes 0 to 4 GiB. @param beside put it into the same arena as this span, if there is room.
   * @throws {RangeError} the system gives no more memory, or more is asked than an arena can hold.
   */
  allocate(bytes: number, beside?: Span): Span {
    if (bytes > arenaBytesMax) throw new RangeError(`${bytes} bytes do not fit into one memory of ${arenaBytesMax}`);
    if (this.#kind === 'plain') return { arena: { id: -1, memory: new SharedArrayBuffer(bytes) }, at: 0, bytes };
    const wanted = Math.min(arenaBytesMax, granulesOf(bytes) + staggerBytes);
    const candidates = this.#owned.toSorted(
      (a, b) => Number(b.arena === beside?.arena) - Number(a.arena === beside?.arena),
    );
    for (const owned of candidates) {
      const at = take(owned.gaps, wanted);
      if (at !== -1) return { arena: owned.arena, at, bytes };
    }
    const owned = this.#open(wanted);
    return { arena: owned.arena, at: take(owned.gaps, wanted), bytes };
  }

  free({ arena, at, bytes }: Span): void {
    const owned = this.#owned.find((each) => each.arena === arena);
    if (!owned) return;
    owned.gaps = merged([...owned.gaps, { at, bytes: Math.min(arenaBytesMax, granulesOf(bytes) + staggerBytes) }]);
    // An arena that is too small for what is asked now is given back once it is empty.
    if (this.#owned.length > 1 && owned.gaps[0]?.bytes === owned.bytes) {
      this.#owned = this.#owned.filter((each) => each !== owned);
    }
  }

  #open(bytes: number): OwnedArena {
    const memory = this.#reserve(bytes);
    arenasMade += 1;
    const size = memory.buffer.byteLength;
    const owned = { arena: { id: arenasMade, memory }, bytes: size, gaps: [{ at: 0, bytes: size }] };
    this.#owned.push(owned);
    return owned;
  }

  /** A small machine may not promise as much as is wished for; then it is what is needed. */
  #reserve(bytes: number): WebAssembly.Memory {
    const pagesOf = (wanted: number) => Math.ceil(Math.min(arenaBytesMax, wanted) / pageBytes);
    try {
      return this.#createMemory(pagesOf(Math.max(bytes, this.#arenaBytes)));
    } catch {
      return this.#createMemory(pagesOf(bytes));
    }
  }
}

const granulesOf = (bytes: number): number => Math.ceil(bytes / granuleBytes) * granuleBytes;

/** @returns where the first fitting gap begins, now taken, or −1. */
function take(gaps: Gap[], bytes: number): number {
  const index = gaps.findIndex((gap) => gap.bytes >= bytes);
  const gap = gaps[index];
  if (!gap) return -1;
  const { at } = gap;
  if (gap.bytes === bytes) gaps.splice(index, 1);
  else gaps[index] = { at: at + bytes, bytes: gap.bytes - bytes };
  return at;
}

function merged(gaps: Gap[]): Gap[] {
  const result: Gap[] = [];
  for (const gap of gaps.sort((a, b) => a.at - b.at)) {
    const last = result.at(-1);
    if (last && last.at + last.bytes === gap.at) last.bytes += gap.bytes;
    else result.push({ ...gap });
  }
  return result;
}
