import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Dtype, dtypes, type ModelSchema, type Tensors } from '../../src/domain/model.ts';
import {
  decodeSafetensors,
  encodeSafetensors,
  readSafetensorsHead,
  safetensorsHeader,
  schemaMismatch,
  schemaOf,
} from '../../src/wire/safetensors.ts';
import { fileOf } from './safetensors-file.ts';
import { codeOf, flipped, outcomeOf, tensorOf } from './tensors.ts';

const allDtypes = Object.keys(dtypes) as Dtype[];
const tensorName = fc
  .oneof(
    fc.constantFrom('__proto__', 'constructor', '0', '10', 'é', '\ud800', '"', '\\', '\n'),
    fc.string({ minLength: 1, maxLength: 12 }),
  )
  .filter((name) => name !== '__metadata__');
const anyTensors: fc.Arbitrary<Tensors> = fc
  .uniqueArray(fc.tuple(tensorName, tensorOf(allDtypes)), { maxLength: 5, selector: ([name]) => name })
  .map((entries) => {
    const tensors: Tensors = Object.create(null);
    for (const [name, tensor] of entries) tensors[name] = tensor;
    return tensors;
  });
const anyMetadata = fc.dictionary(fc.string({ maxLength: 8 }), fc.string({ maxLength: 12 }), { maxKeys: 4 });

describe('a safetensors file', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(anyTensors, anyMetadata, (tensors, metadata) => {
        const decoded = decodeSafetensors(encodeSafetensors(tensors, metadata));
        expect(decoded.tensors).toEqual(tensors);
        expect({ ...decoded.metadata }).toEqual({ ...metadata });
      }),
    );
  });

  it('begins its data 8-byte aligned, after a header that JSON.parse reads too', () => {
    fc.assert(
      fc.property(anyTensors, (tensors) => {
        const bytes = encodeSafetensors(tensors);
        const { dataOffset, byteLength } = readSafetensorsHead(bytes);
        expect(dataOffset % 8).toBe(0);
        expect(byteLength).toBe(bytes.byteLength);
        const header: unknown = JSON.parse(new TextDecoder().decode(bytes.subarray(8, dataOffset)));
        expect(Object.keys(header as object).sort()).toEqual(Object.keys(tensors).sort());
      }),
    );
  });

  it('may lie in shared memory, at any offset', () => {
    const bytes = encodeSafetensors({ w: { dtype: 'F64', shape: [2], data: Float64Array.of(1, -2) } }, { a: 'b' });
    const memory = new Uint8Array(new SharedArrayBuffer(bytes.byteLength + 5));
    memory.set(bytes, 5);
    const { tensors, metadata } = decodeSafetensors(memory.subarray(5));
    expect(tensors.w?.data).toEqual(Float64Array.of(1, -2));
    expect(metadata.a).toBe('b');
  });

  it('does not change with what it was read from', () => {
    const bytes = encodeSafetensors({ w: { dtype: 'F32', shape: [1], data: Float32Array.of(1) } });
    const { tensors } = decodeSafetensors(bytes);
    bytes.fill(0);
    expect(tensors.w?.data).toEqual(Float32Array.of(1));
  });

  it('keeps names that look like numbers apart from the order of their bytes', () => {
    const schema: ModelSchema = ['10', '9', '__proto__'].map((name) => ({ name, dtype: 'F32', shape: [1] }));
    const header = safetensorsHeader(schema);
    const file = new Uint8Array(header.byteLength + 12);
    file.set(header);
    expect(schemaOf(readSafetensorsHead(file))).toEqual(schema);
  });

  it('can have a header of a length told beforehand', () => {
    const schema: ModelSchema = [{ name: 'w', dtype: 'F32', shape: [] }];
    for (const bytesMin of [0, 8, 333]) {
      const header = safetensorsHeader(schema, {}, bytesMin);
      if (bytesMin === 333) expect(header.byteLength).toBe(333);
      const file = new Uint8Array(header.byteLength + 4);
      file.set(header);
      expect(schemaOf(readSafetensorsHead(file))).toEqual(schema);
    }
  });

  it('is not written when data and shape differ, or a tensor would pass for metadata', () => {
    const data = Float32Array.of(1, 2);
    expect(() => encodeSafetensors({ w: { dtype: 'F32', shape: [3], data } })).toThrow(RangeError);
    expect(() => encodeSafetensors({ __metadata__: { dtype: 'F32', shape: [2], data } })).toThrow(RangeError);
  });
});

describe('a damaged safetensors file', () => {
  it('is refused when it is cut off anywhere', () => {
    fc.assert(
      fc.property(anyTensors, anyMetadata, (tensors, metadata) => {
        const bytes = encodeSafetensors(tensors, metadata);
        for (let length = 0; length < bytes.byteLength; length += 1) {
          expect(codeOf(() => decodeSafetensors(bytes.subarray(0, length)))).toBe('MALFORMED_SAFETENSORS');
        }
      }),
      { numRuns: 20 },
    );
  });

  it('is refused when bytes are added', () => {
    const bytes = encodeSafetensors({ w: { dtype: 'F32', shape: [1], data: Float32Array.of(1) } });
    const longer = new Uint8Array(bytes.byteLength + 1);
    longer.set(bytes);
    expect(codeOf(() => decodeSafetensors(longer))).toBe('MALFORMED_SAFETENSORS');
  });

  it('is refused, or is a whole file itself, whichever bit is turned over', () => {
    fc.assert(
      fc.property(anyTensors, anyMetadata, fc.nat(), fc.nat(7), (tensors, metadata, place, bit) => {
        const whole = encodeSafetensors(tensors, metadata);
        const bytes = flipped(whole, place % whole.byteLength, bit);
        const outcome = outcomeOf(() => ({ head: readSafetensorsHead(bytes), ...decodeSafetensors(bytes) }));
        if ('code' in outcome) {
          expect(['MALFORMED_SAFETENSORS', 'DTYPE_UNSUPPORTED']).toContain(outcome.code);
          return;
        }
        const { head, tensors: read, metadata: readMetadata } = outcome.value;
        const dataBytes = head.tensors.reduce((sum, { byteLength }) => sum + byteLength, 0);
        expect(head.dataOffset + dataBytes).toBe(bytes.byteLength);
        expect(decodeSafetensors(encodeSafetensors(read, readMetadata)).tensors).toEqual(read);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is refused, whatever bytes it has', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(codeOf(() => readSafetensorsHead(fileOf(bytes, 8)))).toBe('MALFORMED_SAFETENSORS');
      }),
    );
  });
});

describe('two schemas', () => {
  const schema: ModelSchema = [
    { name: 'a', dtype: 'F32', shape: [2, 3] },
    { name: 'b', dtype: 'F64', shape: [] },
  ];

  it('match in any order', () => {
    expect(schemaMismatch(schema, [...schema].reverse())).toBeNull();
  });

  it.each<[string, ModelSchema]>([
    ['"b" is missing', schema.slice(0, 1)],
    ['"c" is not in the model', [...schema, { name: 'c', dtype: 'F32', shape: [] }]],
    [
      'dtype F32; the model has F64',
      [
        { name: 'a', dtype: 'F32', shape: [2, 3] },
        { name: 'b', dtype: 'F32', shape: [] },
      ],
    ],
    [
      'shape [3,2]; the model has [2,3]',
      [
        { name: 'a', dtype: 'F32', shape: [3, 2] },
        { name: 'b', dtype: 'F64', shape: [] },
      ],
    ],
    [
      'shape [2,3,1]; the model has [2,3]',
      [
        { name: 'a', dtype: 'F32', shape: [2, 3, 1] },
        { name: 'b', dtype: 'F64', shape: [] },
      ],
    ],
    [
      'shape [1]; the model has []',
      [
        { name: 'a', dtype: 'F32', shape: [2, 3] },
        { name: 'b', dtype: 'F64', shape: [1] },
      ],
    ],
  ])('differ when %s', (difference, given) => {
    expect(schemaMismatch(schema, given)).toContain(difference);
  });
});
