import { groupsOf, sortingNetwork } from './sorting-network.ts';
import {
  continueIf,
  end,
  f64Const,
  f64x2Add,
  f64x2Div,
  f64x2PromoteLow,
  f64x2Splat,
  i32Add,
  i32Const,
  i32LessThan,
  i32Load,
  larger,
  localGet,
  localSet,
  localTee,
  loop,
  smaller,
  turned,
  upperHalf,
  v128Load,
  v128Store,
  wasmModule,
} from './wasm-code.ts';

/**
 * Rows that a sorter is made for at most: its code grows with their number faster than they do, and so does the time to
 * compile it.
 */
export const sorterRowsMax = 256;
/** Of 16 registers; the others are needed while values are swapped. Found by trying. */
const groupWiresMax = 13;
const vectorBytes = 16;

export interface SorterShape {
  /** 1 to `sorterRowsMax`. */
  readonly rows: number;
  /** The sorted positions [from, to) are wanted. */
  readonly from: number;
  readonly to: number;
  /** Bytes of a value: half precision of either kind, float32 or float64. */
  readonly size: 2 | 4 | 8;
  /**
   * Their mean, float64, column by column; or they themselves, as rows that lie so many bytes apart. There is no mean of
   * half precision: the two kinds sort alike, and add up differently.
   */
  readonly into: 'mean' | { readonly stride: number };
}

/**
 * Sorts columns: those whose values lie `start` to `end` bytes into each row, 16 bytes of each at a time.
 * @param table u32 addresses of the rows. @param out the mean of the first column, or its place in the first row.
 * @param wires room for 16 bytes a row.
 */
export type Sorter = (table: number, start: number, end: number, out: number, wires: number) => void;

const [table, start, limit, out, wires] = [0, 1, 2, 3, 4];
const parameters = 5;

/**
 * WebAssembly for a {@link Sorter}. It is made to measure because that is what is fast: a network that is data and is
 * interpreted, also for many columns at a time, reaches less than half its speed. Comparators come in groups whose values
 * stay in registers; without them the compiler moves every value through memory again and again.
 */
export function sorterModule({ rows, from, to, size, into }: SorterShape): Uint8Array<ArrayBuffer> {
  const wireLocal = (wire: number) => parameters + wire;
  const swap = parameters + rows;
  const [low, high] = [swap + 1, swap + 2];
  const groups = groupsOf(sortingNetwork(rows, from, to), groupWiresMax);
  const lastGroupOf = new Map<number, number>();
  groups.forEach((group, index) => {
    for (const wire of group.wires) lastGroupOf.set(wire, index);
  });
  const inMemory = new Set<number>();
  /** A wire's value: where its row lies the first time, and then where its last group put it. */
  const fetched = (wire: number): number[] =>
    inMemory.has(wire)
      ? [...localGet(wires), ...v128Load(wire * vectorBytes), ...localSet(wireLocal(wire))]
      : [
          ...[...localGet(table), ...i32Load(4 * wire), ...localGet(start), ...i32Add],
          ...[...v128Load(0), ...(size === 2 ? turned(swap) : []), ...localSet(wireLocal(wire))],
        ];
  const code: number[] = [...loop];
  const emit = (...instructions: (readonly number[])[]) => {
    for (const bytes of instructions) code.push(...bytes);
  };

  groups.forEach((group, index) => {
    for (const wire of group.wires) emit(fetched(wire));
    for (const comparator of group.comparators) {
      const [a, b] = [wireLocal(comparator.low), wireLocal(comparator.high)];
      const both = [...localGet(a), ...localGet(b)];
      if (comparator.wanted === 'both') emit(both, smaller[size], localSet(swap));
      if (comparator.wanted === 'low') emit(both, smaller[size], localSet(a));
      else emit(both, larger[size], localSet(b));
      if (comparator.wanted === 'both') emit(localGet(swap), localSet(a));
    }
    for (const wire of group.wires) {
      inMemory.add(wire);
      const isWanted = lastGroupOf.get(wire) !== index || (wire >= from && wire < to);
      if (isWanted) emit(localGet(wires), localGet(wireLocal(wire)), v128Store(wire * vectorBytes));
    }
  });

  const positions = Array.from({ length: to - from }, (_, index) => from + index);
  if (into === 'mean') {
    // From +0 on: so that no zero keeps its sign, and the result does not depend on how zeros were sorted.
    emit(f64Const(0), f64x2Splat, localTee(low), localSet(high));
    for (const wire of positions) {
      emit(fetched(wire), localGet(wireLocal(wire)), size === 4 ? f64x2PromoteLow : []);
      emit(localGet(low), f64x2Add, localSet(low));
      if (size === 8) continue;
      emit(upperHalf(wireLocal(wire)), f64x2PromoteLow, localGet(high), f64x2Add, localSet(high));
    }
    for (const [index, sum] of (size === 4 ? [low, high] : [low]).entries()) {
      emit(localGet(out), localGet(sum), f64Const(positions.length), f64x2Splat, f64x2Div);
      emit(v128Store(index * vectorBytes));
    }
  } else {
    for (const [index, wire] of positions.entries()) {
      emit(fetched(wire), localGet(out), localGet(wireLocal(wire)), size === 2 ? turned(swap) : []);
      emit(v128Store(index * into.stride));
    }
  }
  const outBytes = into === 'mean' ? (vectorBytes / size) * Float64Array.BYTES_PER_ELEMENT : vectorBytes;
  emit(localGet(out), i32Const(outBytes), i32Add, localSet(out));
  emit(localGet(start), i32Const(vectorBytes), i32Add, localTee(start), localGet(limit), i32LessThan, continueIf, end);
  return wasmModule(parameters, rows + 3, code);
}
