import { describe, expect, it } from 'vitest';
import { readSafetensorsHead } from '../../src/wire/safetensors.ts';
import { fileOf } from './safetensors-file.ts';
import { codeOf } from './tensors.ts';

const headOf =
  (header: string | Uint8Array, dataBytes = 0, claimed?: bigint) =>
  () =>
    readSafetensorsHead(fileOf(header, dataBytes, claimed));
const one = (fields: string) => `{"w":{${fields}}}`;

describe('the header of a safetensors file', () => {
  const refused = 'MALFORMED_SAFETENSORS';

  it('may be empty, may end in spaces, and may have metadata alone', () => {
    expect(readSafetensorsHead(fileOf('{}')).tensors).toEqual([]);
    expect(readSafetensorsHead(fileOf('{}      ')).tensors).toEqual([]);
    const { metadata } = readSafetensorsHead(fileOf('{"__metadata__":{"__proto__":"a"}}'));
    expect(Object.entries(metadata)).toEqual([['__proto__', 'a']]);
  });

  it.each([0n, 1n, 3n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n])(
    'is refused when it claims %s bytes',
    (claimed) => {
      expect(codeOf(headOf('{}', 0, claimed))).toBe(refused);
    },
  );

  it('is refused past its limits on length, tensors, rank and names', () => {
    const shapeOf = (rank: number) => one(`"dtype":"F32","shape":[${Array(rank).fill(1)}],"data_offsets":[0,4]`);
    const named = (name: string) => `{"${name}":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`;
    const file = fileOf(
      '{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"b":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}',
    );
    expect(readSafetensorsHead(file, { tensorsMax: 2 }).tensors).toHaveLength(2);
    expect(codeOf(() => readSafetensorsHead(file, { tensorsMax: 1 }))).toBe(refused);
    expect(codeOf(() => readSafetensorsHead(file, { headerBytesMax: 10 }))).toBe(refused);
    expect(codeOf(headOf(shapeOf(32), 4))).toBe('accepted');
    expect(codeOf(headOf(shapeOf(33), 4))).toBe(refused);
    expect(codeOf(headOf(named('a'.repeat(1_024))))).toBe('accepted');
    expect(codeOf(headOf(named('a'.repeat(1_025))))).toBe(refused);
    expect(codeOf(headOf(named('')))).toBe(refused);
  });

  it('is refused when it is longer than 8 MiB, or made of nothing but small objects', () => {
    expect(codeOf(headOf(`{${' '.repeat(8 * 2 ** 20)}}`))).toBe(refused);
    expect(codeOf(headOf(`{"__metadata__":[${'{},'.repeat(2_000_000)}{}]}`))).toBe(refused);
  });

  it('is refused, and not thrown at, when a name has 8 MiB', () => {
    expect(codeOf(headOf(`{"${'a'.repeat(8 * 2 ** 20 - 8)}":1}`))).toBe(refused);
    expect(codeOf(headOf(`{"${'a'.repeat(8 * 2 ** 20 - 8)}`))).toBe(refused);
  });

  it('does not repeat long names of the sender in a refusal', () => {
    const outcome = () => readSafetensorsHead(fileOf(`{"__metadata__":{"${'k'.repeat(100_000)}":1}}`));
    expect(outcome).toThrow(/^.{1,200}$/);
  });

  it.each([
    ['bytes that are no UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d])],
    ['UTF-8 cut off', new Uint8Array([0x7b, 0x22, 0xc3])],
    ['a byte order mark', '\ufeff{}'],
    ['a space first', ' {}'],
    ['no object', '[]'],
    [
      'a name twice',
      '{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}',
    ],
    ['a field twice', one('"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]')],
    ['metadata that is no object', '{"__metadata__":"a"}'],
    ['metadata that is no text', '{"__metadata__":{"a":1}}'],
    ['a tensor that is no object', '{"w":1}'],
    ['no dtype', one('"shape":[1],"data_offsets":[0,4]')],
    ['one field more', one('"dtype":"F32","shape":[1],"data_offsets":[0,4],"a":1')],
    ['a dtype nobody knows', one('"dtype":"F33","shape":[1],"data_offsets":[0,4]')],
    ['a dtype of the prototype', one('"dtype":"toString","shape":[1],"data_offsets":[0,4]')],
    ['a dtype that is no text', one('"dtype":4,"shape":[1],"data_offsets":[0,4]')],
    ['a shape that is no list', one('"dtype":"F32","shape":1,"data_offsets":[0,4]')],
    ['a negative size', one('"dtype":"F32","shape":[-1],"data_offsets":[0,4]')],
    ['a size of −0', one('"dtype":"F32","shape":[-0],"data_offsets":[0,0]')],
    ['half a size', one('"dtype":"F32","shape":[0.5],"data_offsets":[0,2]')],
    ['a size that is text', one('"dtype":"F32","shape":["1"],"data_offsets":[0,4]')],
    ['an infinite size', one('"dtype":"F32","shape":[1e999],"data_offsets":[0,4]')],
    ['more elements than can be counted', one('"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]')],
    ['elements that would wrap to 4 bytes', one('"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]')],
    ['one offset', one('"dtype":"F32","shape":[1],"data_offsets":[0]')],
    ['three offsets', one('"dtype":"F32","shape":[1],"data_offsets":[0,4,4]')],
    ['negative offsets', one('"dtype":"F32","shape":[1],"data_offsets":[-4,0]')],
    ['an offset of −0', one('"dtype":"F32","shape":[1],"data_offsets":[-0,4]')],
    ['offsets between bytes', one('"dtype":"F32","shape":[1],"data_offsets":[0.5,4.5]')],
    ['offsets the wrong way round', one('"dtype":"F32","shape":[1],"data_offsets":[4,0]')],
    ['offsets past the data', one('"dtype":"F32","shape":[2],"data_offsets":[0,8]')],
    ['offsets that do not fit the shape', one('"dtype":"F64","shape":[1],"data_offsets":[0,4]')],
  ])('is refused when it has %s', (_, header) => {
    expect(codeOf(headOf(header, 4))).toBe(refused);
  });

  it.each([
    ['overlap', '[0,4]', '[0,4]', 4],
    ['overlap in part', '[0,8]', '[4,12]', 12],
    ['leave a hole', '[0,4]', '[8,12]', 12],
    ['leave a hole before them', '[4,8]', '[8,12]', 12],
    ['leave data over', '[0,4]', '[4,8]', 12],
  ])('is refused when tensors %s', (_, first, second, dataBytes) => {
    const shapeOf = (offsets: string) => (JSON.parse(offsets)[1] - JSON.parse(offsets)[0]) / 4;
    const tensor = (offsets: string) => `{"dtype":"F32","shape":[${shapeOf(offsets)}],"data_offsets":${offsets}}`;
    expect(codeOf(headOf(`{"a":${tensor(first)},"b":${tensor(second)}}`, dataBytes))).toBe(refused);
  });

  it('may list tensors in another order than their bytes, with empty ones between', () => {
    const header =
      '{"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"e":{"dtype":"F32","shape":[0],"data_offsets":[4,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}';
    expect(readSafetensorsHead(fileOf(header, 8)).tensors.map(({ name }) => name)).toEqual(['a', 'e', 'b']);
  });

  it.each(['I64', 'U8', 'BOOL', 'F8_E4M3'])('is refused by its own code when a dtype is %s', (dtype) => {
    expect(codeOf(headOf(one(`"dtype":"${dtype}","shape":[4],"data_offsets":[0,4]`), 4))).toBe('DTYPE_UNSUPPORTED');
  });
});
