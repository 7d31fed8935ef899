import { type Dtype, dtypes } from '../../domain/model.ts';
import { bufferOf } from '../shared-memory.ts';
import type { Place } from './kernel-types.ts';
import { referenceRobustKernels } from './robust-reference.ts';
import {
  blockColumns,
  distanceColumns,
  distanceRowBytes,
  type RobustKernels,
  rowBytes,
  scratchLayout,
} from './robust-types.ts';
import { robustWasmBase64 } from './robust-wasm.ts';
import { type Sorter, type SorterShape, sorterModule, sorterRowsMax } from './sorter.ts';

type Decode = (at: number, count: number, out: number) => void;
type Around = (rows: number, stride: number, n: number, keep: number, count: number, out: number) => void;
type Mean = (rows: number, stride: number, n: number, count: number, out: number) => void;
type Half = 'F16' | 'BF16';

/** What `kernels/robust.ts` exports. */
type Exports = Record<`promote${Dtype}`, Decode> &
  Record<`distance${Dtype}`, (at: number, centre: number, count: number) => number> &
  Record<`mean${Half}`, Mean> &
  Record<`around${Dtype}`, Around> & {
    copy: (at: number, bytes: number, out: number) => void;
    pairwise: (rows: number, stride: number, n: number, count: number, out: number) => void;
  };

/** Memories whose kernels this thread keeps, and sorters for each; the oldest go first. */
const instancesMax = 8;
let compiled: WebAssembly.Module | null = null;
const instances = new Map<number, RobustKernels>();

/** The compiled kernels for a shared memory. @param id the arena's; each thread makes one instance for it. */
export function wasmRobustKernels(id: number, memory: WebAssembly.Memory): RobustKernels {
  compiled ??= new WebAssembly.Module(Buffer.from(robustWasmBase64, 'base64'));
  const module = compiled;
  return kept(instances, id, () => {
    const { exports } = new WebAssembly.Instance(module, { env: { memory } });
    return kernelsOf(exports as unknown as Exports, sortersFor(memory));
  });
}

/** The value of a key, made when it is not there. */
function kept<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const value = make();
  const [oldest] = map.keys();
  if (map.size >= instancesMax && oldest !== undefined) map.delete(oldest);
  map.set(key, value);
  return value;
}

function sortersFor(memory: WebAssembly.Memory): (shape: SorterShape) => Sorter {
  const sorters = new Map<string, Sorter>();
  return (shape) =>
    kept(sorters, JSON.stringify(shape), () => {
      const module = new WebAssembly.Module(sorterModule(shape));
      return (new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as { run: Sorter }).run;
    });
}

const isHalf = (dtype: Dtype): dtype is Half => dtype === 'F16' || dtype === 'BF16';
const halfBytes = 2;
/** Half-precision columns sorted at a time; a row has room for as many. */
const halfColumns = 1_024;
/** Half-precision values in a vector. */
const halvesPerVector = 8;

function kernelsOf(exports: Exports, sorterFor: (shape: SorterShape) => Sorter): RobustKernels {
  /** Copies the bytes from `from` to `to` of each member into rows of the scratch memory, and points the table at them. */
  const gather = (members: readonly Place[], from: number, to: number, scratch: Place): void => {
    const { rows } = scratchLayout(members.length);
    const addresses = members.map(({ at }, index) => {
      const row = scratch.at + rows + index * rowBytes;
      exports.copy(at + from, to - from, row);
      return row;
    });
    point(scratch, addresses);
  };

  /** Sorts columns of half precision, a stretch after another, and leaves the wanted rows where the scratch memory has them. */
  const sortHalves = (
    members: readonly Place[],
    count: number,
    { from, to }: { from: number; to: number },
    scratch: Place,
    take: (start: number, length: number) => void,
  ): void => {
    const layout = scratchLayout(members.length);
    const [sorted, wires] = [scratch.at + layout.sorted, scratch.at + layout.wires];
    const sort = sorterFor({ rows: members.length, from, to, size: halfBytes, into: { stride: rowBytes } });
    for (let start = 0; start < count; start += halfColumns) {
      const length = Math.min(halfColumns, count - start);
      const whole = length - (length % halvesPerVector);
      if (whole > 0) {
        const addresses = members.map(({ at }) => at + start * halfBytes);
        point(scratch, addresses);
        sort(scratch.at, 0, whole * halfBytes, sorted, wires);
      }
      if (whole < length) {
        gather(members, (start + whole) * halfBytes, (start + length) * halfBytes, scratch);
        sort(scratch.at, 0, (length - whole) * halfBytes, sorted + whole * halfBytes, wires);
      }
      take(start, length);
    }
  };

  return {
    orderedMean(dtype, members, count, positions, into, scratch) {
      if (members.length > sorterRowsMax) {
        referenceRobustKernels.orderedMean(dtype, members, count, positions, into, scratch);
        return;
      }
      const layout = scratchLayout(members.length);
      if (isHalf(dtype)) {
        const { from, to } = positions;
        sortHalves(members, count, positions, scratch, (start, length) =>
          exports[`mean${dtype}`](scratch.at + layout.sorted, rowBytes, to - from, length, into.at + start * 8),
        );
        return;
      }
      const size = dtypes[dtype];
      const wires = scratch.at + layout.wires;
      const sort = sorterFor({ rows: members.length, ...positions, size, into: 'mean' });
      // Whole vectors are read where they lie; the last few columns by way of the scratch memory.
      const whole = count - (count % (16 / size));
      if (whole > 0) {
        const addresses = members.map(({ at }) => at);
        point(scratch, addresses);
        sort(scratch.at, 0, whole * size, into.at, wires);
      }
      const result = scratch.at + layout.result;
      const buffer = bufferOf(scratch.arena);
      for (let start = whole; start < count; start += blockColumns) {
        const length = Math.min(blockColumns, count - start);
        gather(members, start * size, (start + length) * size, scratch);
        sort(scratch.at, 0, length * size, result, wires);
        new Float64Array(buffer, into.at + start * 8, length).set(new Float64Array(buffer, result, length));
      }
    },

    meanAroundMedian(dtype, members, count, keep, into, scratch) {
      if (members.length > sorterRowsMax) {
        referenceRobustKernels.meanAroundMedian(dtype, members, count, keep, into, scratch);
        return;
      }
      const n = members.length;
      const layout = scratchLayout(n);
      const sorted = scratch.at + layout.sorted;
      const around = exports[`around${dtype}`];
      if (isHalf(dtype)) {
        sortHalves(members, count, { from: 0, to: n }, scratch, (start, length) =>
          around(sorted, rowBytes, n, keep, length, into.at + start * 8),
        );
        return;
      }
      const size = dtypes[dtype];
      const sort = sorterFor({ rows: n, from: 0, to: n, size, into: { stride: rowBytes } });
      for (let start = 0; start < count; start += blockColumns) {
        const length = Math.min(blockColumns, count - start);
        gather(members, start * size, (start + length) * size, scratch);
        sort(scratch.at, 0, length * size, sorted, scratch.at + layout.wires);
        around(sorted, rowBytes, n, keep, length, into.at + start * 8);
      }
    },

    addDistances(dtype, updates, count, distances, scratch) {
      const n = updates.length;
      const layout = scratchLayout(n);
      const [rows, matrix] = [scratch.at + layout.rows, scratch.at + layout.matrix];
      const buffer = bufferOf(scratch.arena);
      // Rows that are only there to make their number a multiple of 4 must be numbers, but it does not matter which.
      new Uint8Array(buffer, rows, layout.padded * distanceRowBytes).fill(0);
      const sums = new Float64Array(buffer, matrix, layout.padded ** 2);
      sums.fill(0);
      for (let start = 0; start < count; start += distanceColumns) {
        const length = Math.min(distanceColumns, count - start);
        updates.forEach(({ at }, index) => {
          const row = rows + index * distanceRowBytes;
          exports[`promote${dtype}`](at + start * dtypes[dtype], length, row);
          if (length % 2 === 1) new Float64Array(buffer, row + length * 8, 1).fill(0);
        });
        exports.pairwise(rows, distanceRowBytes, layout.padded, length + (length % 2), matrix);
      }
      for (let i = 0; i < n; i += 1) {
        for (let j = i + 1; j < n; j += 1) {
          const distance = sums[i * layout.padded + j] ?? 0;
          distances[i * n + j] = (distances[i * n + j] ?? 0) + distance;
          distances[j * n + i] = (distances[j * n + i] ?? 0) + distance;
        }
      }
    },

    squaredDistance: (dtype, { at }, centre, count) => exports[`distance${dtype}`](at, centre.at, count),
  };
}

function point({ arena, at }: Place, addresses: readonly number[]): void {
  new Uint32Array(bufferOf(arena), at, addresses.length).set(addresses);
}
