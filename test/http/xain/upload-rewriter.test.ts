import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChorusError } from '../../../src/domain/errors.ts';
import { UploadRewriter } from '../../../src/http/xain/upload-rewriter.ts';
import { decodeSafetensors } from '../../../src/wire/safetensors.ts';
import { tensorOf } from '../../wire/tensors.ts';
import { bodyOf, vector } from './harness.ts';

const counts = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const names = fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }).filter((name) => name !== '__metadata__');

/** The body cut at these places. */
function piecesOf(body: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...cuts.map((cut) => cut % (body.byteLength + 1)).sort((a, b) => a - b), body.byteLength];
  return places.slice(1).map((end, index) => body.subarray(places[index], end));
}

function rewrite(name: string, pieces: readonly Uint8Array[], contentLength: number | null) {
  const rewriter = new UploadRewriter(name, contentLength);
  const written: Uint8Array[] = [];
  for (const piece of pieces) rewriter.take(piece, (bytes) => written.push(bytes));
  rewriter.end();
  return { file: Buffer.concat(written), fileBytes: rewriter.fileBytes };
}

describe('an upload of the XAIN API', () => {
  it('becomes a safetensors file of the length told beforehand, however it is cut', () => {
    const cuts = fc.array(fc.nat(), { maxLength: 8 });
    fc.assert(
      fc.property(
        tensorOf(['F32', 'F64']),
        counts,
        names,
        cuts,
        fc.boolean(),
        (tensor, count, name, places, isChunked) => {
          const body = bodyOf(count, tensor);
          const { file, fileBytes } = rewrite(name, piecesOf(body, places), isChunked ? null : body.byteLength);
          if (!isChunked) expect(file.byteLength).toBe(fileBytes);
          const { tensors, metadata } = decodeSafetensors(file);
          expect(Object.entries(tensors)).toEqual([[name, tensor]]);
          expect({ ...metadata }).toEqual({ num_examples: String(count) });
        },
      ),
    );
  });

  it('keeps its values aligned', () => {
    const { file } = rewrite('w', [bodyOf(1, vector(1, 2))], null);
    expect((file.byteLength - 8) % 64).toBe(0);
  });

  it('is refused as soon as its head shows that its length is wrong, before a value is written', () => {
    const body = bodyOf(1, vector(1, 2));
    const rewriter = new UploadRewriter('w', body.byteLength + 1);
    const written: Uint8Array[] = [];
    expect(() => rewriter.take(body.subarray(0, 132), (bytes) => written.push(bytes))).toThrow(ChorusError);
    expect(written).toEqual([]);
  });

  it('is refused when it ends early or goes on, its length not being told', () => {
    const body = bodyOf(1, vector(1, 2));
    for (const cut of [0, 3, 4, 60, 132, 139])
      expect(() => rewrite('w', [body.subarray(0, cut)], null)).toThrow(ChorusError);
    expect(() => rewrite('w', [body, Buffer.from([0])], null)).toThrow(ChorusError);
  });
});
