import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorCatalogue } from '../../src/domain/errors.ts';
import { decodeSafetensors } from '../../src/wire/safetensors.ts';
import { patienceMs, piecesOf } from './calls.ts';
import { exactMean } from './exact-mean.ts';
import { type Participant, updateOf } from './participant.ts';
import { TestServer } from './test-server.ts';

const uploads = 300;

const good = updateOf([1, 2, 3, 4], 7, { loss: 0.5 });

/** A good update with some of its bytes changed, taken out or put in. */
const damaged = fc
  .array(
    fc.record({
      at: fc.nat(good.byteLength - 1),
      remove: fc.nat(8),
      put: fc.uint8Array({ maxLength: 8 }),
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((edits) =>
    edits.reduce(
      (bytes, { at, remove, put }) => Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + remove)]),
      Buffer.from(good),
    ),
  );

/** A good update with other values: only the lower bytes of their fractions, so that the sum stays exact. */
const varied = fc.array(fc.tuple(fc.nat(3), fc.nat(1), fc.nat(255)), { maxLength: 6 }).map((edits) => {
  const bytes = Buffer.from(good);
  for (const [element, byte, value] of edits) bytes[bytes.byteLength - 16 + 4 * element + byte] = value;
  return bytes;
});

/** Bytes that begin like a safetensors file: a plausible header length and a JSON header of any sort. */
const headed = fc
  .tuple(fc.json(), fc.uint8Array({ maxLength: 64 }), fc.integer({ min: -2, max: 2 }))
  .map(([json, data, off]) => {
    const header = Buffer.from(json);
    const prefix = Buffer.alloc(8);
    prefix.writeBigUInt64LE(BigInt(Math.max(0, header.byteLength + off)));
    return Buffer.concat([prefix, header, data]);
  });

const weightsOf = (bytes: Uint8Array): number[] => [...(decodeSafetensors(bytes).tensors.w?.data ?? [])];

describe('an upload of whatever bytes', { timeout: 6 * patienceMs }, () => {
  it('is refused in words, or is what it says; the thread lives, its memory is given back, and the model is exact', async () => {
    const server = await TestServer.forTest({
      plan: { rounds: 1, cohortSize: uploads + 1, quorum: 1, minClients: uploads + 1, payloadBytesMax: 20_000 },
    });
    const [first, ...clients] = await server.joinMany(uploads + 1);
    // The first update says what a model is; then each client tries once.
    await first?.contribute(decodeSafetensors(good).tensors, 7);
    const accepted = [{ weight: 7, values: weightsOf(good) }];
    await fc.assert(
      fc.asyncProperty(
        fc.oneof({ arbitrary: damaged, weight: 3 }, varied, headed, fc.uint8Array({ maxLength: 300 })),
        fc.option(fc.integer({ min: 1, max: 100 }), { nil: 0 }),
        async (bytes, pieceBytes) => {
          const client = clients.pop() as Participant;
          await client.start();
          const body = pieceBytes > 0 && bytes.byteLength > 0 ? piecesOf(bytes, pieceBytes) : Buffer.from(bytes);
          const { status, json } = await client.upload(body);
          if (status === 200) accepted.push({ weight: json.receipt.numExamples, values: weightsOf(bytes) });
          else {
            expect(status).toBeGreaterThanOrEqual(400);
            expect(status).toBeLessThan(500);
            expect(Object.keys(errorCatalogue)).toContain(json.code);
            expect(client.state).toBe('training');
          }
          if (status !== 200) await client.ask('DELETE');
        },
      ),
      { numRuns: uploads, endOnFailure: true },
    );
    await server.expectNothingStaged();
    expect(server.handle.metrics().aggregatorRestartsTotal).toBe(0);
    expect(accepted.length).toBeGreaterThan(10);
    expect(weightsOf((await server.model(1)).bytes)).toEqual(
      [0, 1, 2, 3].map((at) => exactMean(accepted.map(({ weight, values }) => ({ weight, value: values[at] ?? 0 })))),
    );
  });
});
