import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Tensor } from '../../src/domain/model.ts';
import { decodeNpy, encodeNpy, readNpyHead } from '../../src/wire/npy.ts';
import { codeOf, flipped, outcomeOf, tensorOf } from './tensors.ts';

const anyTensor = tensorOf(['F32', 'F64']);
const vector: Tensor = { dtype: 'F32', shape: [3], data: Float32Array.of(1, -2.5, 3) };

/** A file of this header, whatever it says, and so many bytes of data. */
function fileOf(header: string, dataBytes = 12, version = 1, claimed = header.length): Uint8Array {
  const wide = version !== 1;
  const file = new Uint8Array((wide ? 12 : 10) + header.length + dataBytes);
  file.set([0x93, ...Buffer.from('NUMPY'), version, 0]);
  const view = new DataView(file.buffer);
  if (wide) view.setUint32(8, claimed, true);
  else view.setUint16(8, claimed, true);
  file.set(Buffer.from(header, 'latin1'), wide ? 12 : 10);
  return file;
}

const dict = (descr: string, order: string, shape: string) =>
  `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }`;

describe('a .npy file', () => {
  it('is written byte for byte as numpy.save writes it', () => {
    const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }`.padEnd(117).concat('\n');
    const values = '0000803f000020c000004040';
    expect(Buffer.from(encodeNpy(vector)).toString('hex')).toBe(
      `934e554d50590100${'7600'}${Buffer.from(header).toString('hex')}${values}`,
    );
  });

  it.each([
    [[], '()'],
    [[0], '(0,)'],
    [[5], '(5,)'],
    [[2, 3], '(2, 3)'],
  ])('of shape %j says %s', (shape, text) => {
    const count = shape.reduce((product, size) => product * size, 1);
    const file = encodeNpy({ dtype: 'F64', shape, data: new Float64Array(count) });
    expect(Buffer.from(file).toString('latin1')).toContain(
      `'descr': '<f8', 'fortran_order': False, 'shape': ${text}, }`,
    );
  });

  it('is read as it was written, and begins its values 64-byte aligned', () => {
    fc.assert(
      fc.property(anyTensor, (tensor) => {
        const file = encodeNpy(tensor);
        expect(decodeNpy(file)).toEqual(tensor);
        expect(readNpyHead(file)?.dataOffset).toSatisfy((offset: number) => offset % 64 === 0);
      }),
    );
  });

  it('has version 2 when its header is too long for version 1', () => {
    const shape = Array<number>(30_000).fill(1);
    const file = encodeNpy({ dtype: 'F32', shape, data: Float32Array.of(7) });
    const headerBytes = new DataView(file.buffer).getUint32(8, true);
    expect([...file.subarray(6, 8)]).toEqual([2, 0]);
    expect(headerBytes).toBeGreaterThan(65_535);
    expect((12 + headerBytes) % 64).toBe(0);
    expect(file.byteLength).toBe(12 + headerBytes + 4);
  });

  it('is not written for half precision, or when data and shape differ', () => {
    expect(() => encodeNpy({ dtype: 'F16', shape: [1], data: Float32Array.of(1) })).toThrow(RangeError);
    expect(() => encodeNpy({ dtype: 'F32', shape: [2], data: Float32Array.of(1) })).toThrow(RangeError);
  });

  it.each([1, 2, 3])('may have version %i', (version) => {
    expect(decodeNpy(fileOf(dict("'<f4'", 'False', '(3,)'), 12, version))).toEqual({
      ...vector,
      data: new Float32Array(3),
    });
  });

  it.each([
    ['other white space', "{\n\t'descr':'<f4','fortran_order':False,'shape':(3,)}"],
    ['double quotes', '{"descr": "<f4", "fortran_order": False, "shape": (3,)}'],
    ['its keys in another order', "{'shape': (1, 3,), 'fortran_order': False, 'descr': '<f4'}"],
  ])('may have %s in its header', (_, header) => {
    expect(codeOf(() => decodeNpy(fileOf(header)))).toBe('accepted');
  });

  it('may lie in shared memory, at any offset, and does not change with it', () => {
    const file = encodeNpy(vector);
    const memory = new Uint8Array(new SharedArrayBuffer(file.byteLength + 3));
    memory.set(file, 3);
    const tensor = decodeNpy(memory.subarray(3));
    memory.fill(0);
    expect(tensor).toEqual(vector);
  });
});

describe('a damaged .npy file', () => {
  it('is refused when it is cut off anywhere, and its head is not read before it is there', () => {
    fc.assert(
      fc.property(anyTensor, (tensor) => {
        const file = encodeNpy(tensor);
        const dataOffset = readNpyHead(file)?.dataOffset ?? 0;
        for (let length = 0; length < file.byteLength; length += 1) {
          const start = file.subarray(0, length);
          expect(codeOf(() => decodeNpy(start))).toBe('MALFORMED_NPY');
          expect(readNpyHead(start) === null).toBe(length < dataOffset);
        }
      }),
      { numRuns: 20 },
    );
  });

  it('is refused, or is a whole file itself, whichever bit is turned over', () => {
    fc.assert(
      fc.property(anyTensor, fc.nat(), fc.nat(7), (tensor, place, bit) => {
        const whole = encodeNpy(tensor);
        const file = flipped(whole, place % whole.byteLength, bit);
        const outcome = outcomeOf(() => decodeNpy(file));
        if ('code' in outcome) {
          expect(['MALFORMED_NPY', 'DTYPE_UNSUPPORTED']).toContain(outcome.code);
          return;
        }
        expect(outcome.value.data.byteLength).toBeLessThanOrEqual(file.byteLength);
        expect(decodeNpy(encodeNpy(outcome.value))).toEqual(outcome.value);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is refused, whatever its header says', () => {
    const pieces = fc.constantFrom(
      "'descr'",
      "'<f4'",
      "'shape'",
      "'fortran_order'",
      '(',
      ')',
      ',',
      ':',
      '{',
      '}',
      'False',
      '3',
      ' ',
      '"',
      "'",
    );
    fc.assert(
      fc.property(fc.string({ unit: pieces, maxLength: 30 }), (header) => {
        expect(['MALFORMED_NPY', 'DTYPE_UNSUPPORTED', 'accepted']).toContain(codeOf(() => decodeNpy(fileOf(header))));
        expect(codeOf(() => decodeNpy(fileOf(header.replaceAll('f4', 'f2'))))).not.toBe('accepted');
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    ['no bytes', new Uint8Array(0)],
    ['another magic', new Uint8Array(128)],
    ['version 0', fileOf(dict("'<f4'", 'False', '(3,)'), 12, 0)],
    ['version 4', fileOf(dict("'<f4'", 'False', '(3,)'), 12, 4)],
    ['a header that claims 4 GiB', fileOf(dict("'<f4'", 'False', '(3,)'), 12, 2, 0xffff_ffff)],
    ['a header that claims more than there is', fileOf(dict("'<f4'", 'False', '(3,)'), 12, 1, 65_535)],
    ['an empty header', fileOf('')],
    ['one value too few', fileOf(dict("'<f4'", 'False', '(3,)'), 8)],
    ['one byte too many', fileOf(dict("'<f4'", 'False', '(3,)'), 13)],
    ['Fortran order', fileOf(dict("'<f4'", 'True', '(3,)'))],
    ['an order that is a number', fileOf(dict("'<f4'", '0', '(3,)'))],
    ['a shape that is no tuple', fileOf(dict("'<f4'", 'False', '(3)'))],
    ['a shape that is a list', fileOf(dict("'<f4'", 'False', '[3]'))],
    ['a shape that is text', fileOf(dict("'<f4'", 'False', "'(3,)'"))],
    ['a negative size', fileOf(dict("'<f4'", 'False', '(-3,)'))],
    ['half a size', fileOf(dict("'<f4'", 'False', '(1.5,)'))],
    ['a size with a leading zero', fileOf(dict("'<f4'", 'False', '(03,)'))],
    ['a nested shape', fileOf(dict("'<f4'", 'False', '((3,),)'))],
    ['a shape that begins with a comma', fileOf(dict("'<f4'", 'False', '(,3)'))],
    ['more elements than can be counted', fileOf(dict("'<f4'", 'False', '(4294967296, 4294967296)'))],
    ['elements that would wrap to 12 bytes', fileOf(dict("'<f4'", 'False', '(4611686018427387907,)'))],
    ['33 sizes', fileOf(dict("'<f4'", 'False', `(${'1, '.repeat(33)})`), 4)],
    ['a structured dtype', fileOf(dict("[('a', '<f4')]", 'False', '(3,)'))],
    ['a key too many', fileOf("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'a': 'b'}")],
    ['a key too few', fileOf("{'descr': '<f4', 'shape': (3,)}")],
    ['a key twice', fileOf("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (3,)}")],
    ['a call', fileOf(dict("__import__('os')", 'False', '(3,)'))],
    ['an escape', fileOf(dict("'\\x3cf4'", 'False', '(3,)'))],
    ['a second dict', fileOf(`${dict("'<f4'", 'False', '(3,)')}{}`)],
    ['no end', fileOf("{'descr': '<f4', 'fortran_order': False, 'shape': (3,")],
  ])('is refused when it has %s', (_, file) => {
    expect(codeOf(() => decodeNpy(file))).toBe('MALFORMED_NPY');
  });

  it.each(['>f4', '>f8', '<f2', '<i4', '|u1', '|O', '<c8'])(
    'is refused by another code when its dtype is %s',
    (descr) => {
      expect(codeOf(() => decodeNpy(fileOf(dict(`'${descr}'`, 'False', '(3,)'))))).toBe('DTYPE_UNSUPPORTED');
    },
  );

  it('is told that its values are big-endian', () => {
    expect(() => decodeNpy(fileOf(dict("'>f4'", 'False', '(3,)')))).toThrow('big-endian');
  });
});
