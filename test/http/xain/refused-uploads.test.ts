import { describe, expect, it } from 'vitest';
import { encodeNpy } from '../../../src/wire/npy.ts';
import { encodeSafetensors } from '../../../src/wire/safetensors.ts';
import { bodyOf, inTraining, oneInTraining, openUpload, until, useServer, vector } from './harness.ts';

const xain = useServer();
const { begin, accepted, isFinished, latestModel } = xain;

describe('an upload that is refused', () => {
  const npy = encodeNpy(vector(1, 2));
  const withHeader = (from: string, to: string) => {
    const text = Buffer.from(npy).toString('latin1').replace(from, to);
    return bodyOf(1, Buffer.from(text, 'latin1'));
  };

  it.each<[string, Uint8Array, number, string]>([
    ['has no bytes', Buffer.alloc(0), 422, 'MALFORMED_NPY'],
    ['ends within its count', Buffer.alloc(3), 422, 'MALFORMED_NPY'],
    ['is a count alone', Buffer.alloc(4), 422, 'MALFORMED_NPY'],
    ['is a .npy without a count', Buffer.from(npy), 422, 'MALFORMED_NPY'],
    ['ends within its header', bodyOf(1, npy.subarray(0, 50)), 422, 'MALFORMED_NPY'],
    ['lacks a byte', bodyOf(1, npy.subarray(0, -1)), 422, 'MALFORMED_NPY'],
    ['has a byte too many', bodyOf(1, Buffer.concat([npy, Buffer.from([0])])), 422, 'MALFORMED_NPY'],
    ['is in Fortran order', withHeader('False', 'True '), 422, 'MALFORMED_NPY'],
    ['is big-endian', withHeader('<f4', '>f4'), 422, 'DTYPE_UNSUPPORTED'],
    ['holds integers', withHeader('<f4', '<i4'), 422, 'DTYPE_UNSUPPORTED'],
    ['claims more than there is', withHeader('(2,)', '(999999999999,)'), 422, 'MALFORMED_NPY'],
    ['holds NaN', bodyOf(1, vector(1, Number.NaN)), 422, 'NOT_FINITE'],
    [
      'is a safetensors file',
      encodeSafetensors({ weights: vector(1, 2) }, { num_examples: '1' }),
      422,
      'MALFORMED_NPY',
    ],
    ['is too large', bodyOf(1, vector(...Array(1_024).fill(0))), 413, 'PAYLOAD_TOO_LARGE'],
  ])('counts nowhere when it %s, and may be made good', async (_, body, status, code) => {
    begin({ rounds: 1, minClients: 1, payloadBytesMax: 2_048 });
    const participant = await oneInTraining(xain.server);
    const refused = await participant.upload(body);
    expect([refused.status, JSON.parse(refused.bytes.toString()).code]).toEqual([status, code]);
    expect(accepted()).toBe(0);
    expect(await participant.beat()).toEqual({ state: 'round', round: 0 });
    expect((await participant.upload(bodyOf(1, vector(7)))).status).toBe(200);
    await until(xain.server, isFinished);
    expect((await latestModel()).weights).toEqual(vector(7));
  });

  it('has another shape than the first one', async () => {
    begin({ rounds: 1, minClients: 2 });
    const [first, second] = await inTraining(xain.server, 2);
    await first?.upload(bodyOf(1, vector(1, 2)));
    const { status, bytes } = (await second?.upload(bodyOf(1, vector(1, 2, 3)))) ?? {};
    expect([status, JSON.parse(String(bytes)).code]).toEqual([422, 'MODEL_MISMATCH']);
    expect(accepted()).toBe(1);
  });

  it('counts nowhere when its connection breaks off, and may be sent again', async () => {
    begin({ rounds: 1, minClients: 1 });
    const participant = await oneInTraining(xain.server);
    const body = bodyOf(1, vector(1, 2));
    const upload = openUpload(participant.url, body.subarray(0, 135), body.byteLength);
    await upload.sent;
    upload.destroy();
    await expect(upload.answer).rejects.toThrow();
    expect((await participant.upload(bodyOf(1, vector(7)))).status).toBe(200);
    await until(xain.server, isFinished);
    expect((await latestModel()).weights).toEqual(vector(7));
  });
});
