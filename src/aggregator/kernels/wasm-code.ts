/** The few WebAssembly instructions that sorters are made of, as bytes. Names as in the text format, dots left out. */
const simd = (opcode: number): number[] => [0xfd, ...unsigned(opcode)];

export const i32Const = (value: number): number[] => [0x41, ...signed(value)];
export const i32Add: readonly number[] = [0x6a];
export const i32LessThan: readonly number[] = [0x49];
export const loop: readonly number[] = [0x03, 0x40];
export const continueIf: readonly number[] = [0x0d, 0x00];
export const end: readonly number[] = [0x0b];
export const localGet = (index: number): number[] => [0x20, ...unsigned(index)];
export const localSet = (index: number): number[] => [0x21, ...unsigned(index)];
export const localTee = (index: number): number[] => [0x22, ...unsigned(index)];
export const i32Load = (offset: number): number[] => [0x28, 2, ...unsigned(offset)];
export const f64Const = (value: number): number[] => [0x44, ...new Uint8Array(new Float64Array([value]).buffer)];
export const f64x2Splat: readonly number[] = simd(0x14);
export const f64x2Add: readonly number[] = simd(0xf0);
export const f64x2Div: readonly number[] = simd(0xf3);
/** The lower two of four float32, as float64. */
export const f64x2PromoteLow: readonly number[] = simd(0x5f);
/** The upper half of a local, as the lower one; by a shuffle of it with itself. */
export const upperHalf = (local: number): number[] => [
  ...[...localGet(local), ...localGet(local), ...simd(0x0d)],
  ...[8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7],
];
export const v128Load = (offset: number): number[] => [...simd(0x00), 0, ...unsigned(offset)];
export const v128Store = (offset: number): number[] => [...simd(0x0b), 0, ...unsigned(offset)];
/**
 * By the bytes of a value: of 16-bit integers, float32 and float64. One machine instruction each, unlike min and max of
 * floats; of two equal values both give the first.
 */
export const smaller = { 2: simd(0x96), 4: simd(0xea), 8: simd(0xf6) } as const;
export const larger = { 2: simd(0x98), 4: simd(0xeb), 8: simd(0xf7) } as const;

/**
 * Turns the bits of eight half-precision floats into integers of the same order, and back: where the sign is set, the other
 * bits are turned over. @param spare a local to work in
 */
export const turned = (spare: number): number[] => [
  ...[...localTee(spare), ...localGet(spare), ...i32Const(15), ...simd(0x8c)],
  ...[...i32Const(0x7fff), ...simd(0x10), ...simd(0x4e), ...simd(0x51)],
];

/**
 * A module with one function `run`, over an imported shared memory `env.memory` of at most 4 GiB.
 * @param parameters how many, all i32. @param vectors locals of v128, numbered after the parameters.
 */
export function wasmModule(parameters: number, vectors: number, code: readonly number[]): Uint8Array<ArrayBuffer> {
  const body = [1, ...unsigned(vectors), 0x7b, ...code, ...end];
  const memory = [...text('env'), ...text('memory'), 0x02, 0x03, 1, ...unsigned(65_536)];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, parameters, ...Array.from({ length: parameters }, () => 0x7f), 0]),
    ...section(2, [1, ...memory]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...text('run'), 0, 0]),
    ...section(10, [1, ...unsigned(body.length), ...body]),
  ]);
}

const section = (id: number, content: readonly number[]): number[] => [id, ...unsigned(content.length), ...content];
const text = (name: string): number[] => [...unsigned(name.length), ...Buffer.from(name)];

/** LEB128, as WebAssembly writes whole numbers: seven bits a byte, lowest first. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): number[] {
  return value >= -0x40 && value < 0x40 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}
