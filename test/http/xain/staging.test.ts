import { afterEach, describe, expect, it } from 'vitest';
import { decodeSafetensors } from '../../../src/wire/safetensors.ts';
import { bodyOf, inTraining, openUpload, type Server, startServer, until, vector } from './harness.ts';

let server: Server;
afterEach(() => server.chorus.close({ graceMs: 100 }));

describe('staging memory', () => {
  it('is waited for: an upload that does not fit yet is answered when it does', async () => {
    server = await startServer({ plan: { rounds: 1, minClients: 2 }, stagingBytesMax: 8_000 });
    const [first, second] = await inTraining(server, 2);
    const weights = vector(...Array(1_024).fill(1));
    const body = bodyOf(1, weights);
    const upload = openUpload(first?.url ?? '', body.subarray(0, 200), body.byteLength);
    await upload.sent;
    const waiting = second?.upload(body);
    expect(await second?.beat()).toEqual({ state: 'round', round: 0 });
    await upload.write(body.subarray(200));
    upload.end();
    expect((await upload.answer).status).toBe(200);
    expect((await waiting)?.status).toBe(200);
    await until(server, () => server.chorus.handle.run()?.state === 'finished');
    const { bytes } = await server.chorus.handle.openModel('latest');
    expect(decodeSafetensors(bytes).tensors.weights).toEqual(weights);
  });
});
