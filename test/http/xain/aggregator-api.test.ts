import { describe, expect, it } from 'vitest';
import type { Tensor } from '../../../src/domain/model.ts';
import { decodeNpy, encodeNpy } from '../../../src/wire/npy.ts';
import { encodeSafetensors } from '../../../src/wire/safetensors.ts';
import { bodyOf, call, inTraining, oneInTraining, openUpload, until, useServer, vector } from './harness.ts';

const stranger = '3b241101-e2bb-4255-8caf-4136c566a962';

const xain = useServer();
const { begin, accepted, isFinished, latestModel } = xain;

describe('GET /:id/:token', () => {
  it('has zero bytes before the first model, then the model as a bare .npy', async () => {
    begin({ rounds: 2, minClients: 1 });
    const participant = await oneInTraining(xain.server);
    const before = await participant.download();
    expect([before.status, before.bytes.byteLength]).toEqual([200, 0]);
    await participant.upload(bodyOf(3, vector(1, 2)));
    await until(xain.server, () => participant.state === 'selected');
    await participant.start();
    const after = await participant.download();
    expect(after.status).toBe(200);
    expect(after.headers['content-length']).toBe(String(128 + 8));
    expect(decodeNpy(after.bytes)).toEqual(vector(1, 2));
  });

  it('has the last model also when the run is over', async () => {
    begin({ rounds: 1, minClients: 1 });
    const participant = await oneInTraining(xain.server);
    await participant.upload(bodyOf(1, vector(8)));
    await until(xain.server, isFinished);
    await expect.poll(async () => (await participant.download()).bytes.byteLength).toBeGreaterThan(0);
    expect(decodeNpy((await participant.download()).bytes)).toEqual(vector(8));
  });

  it('goes on after the downloads that a token allows: these participants would not survive a refusal', async () => {
    begin({ minClients: 1, downloadsMax: 1 });
    const participant = await oneInTraining(xain.server);
    for (let download = 0; download < 3; download += 1) expect((await participant.download()).status).toBe(200);
  });

  it('is refused when the model is more than one array', async () => {
    begin({ minClients: 1, initialModel: 'upload' });
    const { handle } = xain;
    const tensors = { a: vector(1), b: vector(2) };
    await handle.installModel(handle.run()?.run ?? '', encodeSafetensors(tensors));
    const participant = await oneInTraining(xain.server);
    for (const { status, bytes } of [await participant.download(), await participant.upload(bodyOf(1, vector(1)))]) {
      expect(status).toBe(422);
      expect(JSON.parse(bytes.toString())).toMatchObject({ code: 'MODEL_MISMATCH' });
    }
    expect(accepted()).toBe(0);
  });

  it('leaves the routes beside it alone', async () => {
    begin({ minClients: 1 });
    const { aggregatorUrl } = xain.server;
    const participant = await oneInTraining(xain.server);
    for (const path of ['/healthz', '/readyz', '/metrics', '/openapi.json', '/docs', '/docs/errors']) {
      expect((await call('GET', `${aggregatorUrl}${path}`)).status, path).toBeLessThan(400);
    }
    expect((await call('GET', `${aggregatorUrl}/v1/rounds/1/model`)).status).toBe(401);
    expect((await call('PUT', `${aggregatorUrl}/v1/rounds/1/updates/${participant.id}`)).status).toBe(401);
    for (const path of ['/v1/rounds', '/a/b', `/${participant.id}/b`, '/heartbeat/a']) {
      expect((await call('GET', `${aggregatorUrl}${path}`)).status, path).toBe(404);
    }
  });

  it.each(['GET', 'POST'])('and %s are refused without a token of that client', async (method) => {
    begin({ minClients: 2 });
    const [first, second] = await inTraining(xain.server, 2);
    const token = first?.url.split('/').at(-1);
    const { aggregatorUrl } = xain.server;
    const statusOf = async (path: string) => (await call(method, `${aggregatorUrl}${path}`, Buffer.from('x'))).status;
    expect(await statusOf(`/${first?.id}/${stranger}`)).toBe(401);
    expect(await statusOf(`/${second?.id}/${token}`)).toBe(403);
    expect(await statusOf(`/${stranger}/${token}`)).toBe(403);
    expect(accepted()).toBe(0);
  });
});

describe('POST /:id/:token', () => {
  it('is answered 200 with nothing, and no Content-Type', async () => {
    begin({ minClients: 1 });
    const participant = await oneInTraining(xain.server);
    const { status, headers, bytes } = await participant.upload(bodyOf(1, vector(1)));
    expect([status, bytes.byteLength, headers['content-type']]).toEqual([200, 0, undefined]);
    expect(accepted()).toBe(1);
  });

  it('weighs by the number of examples, up to 2^32−1', async () => {
    begin({ rounds: 1, minClients: 2 });
    const [first, second] = await inTraining(xain.server, 2);
    await first?.upload(bodyOf(2 ** 32 - 1, vector(0)));
    await second?.upload(bodyOf(1, vector(2 ** 32)));
    await until(xain.server, isFinished);
    expect((await latestModel()).weights).toEqual(vector(1));
  });

  it('weighs all the same when every count is 0, and a 0 as nothing beside others', async () => {
    begin({ rounds: 2, minClients: 3 });
    const participants = await inTraining(xain.server, 3);
    for (const [index, participant] of participants.entries()) await participant.upload(bodyOf(0, vector(index * 3)));
    await until(xain.server, () => participants.every(({ state }) => state === 'selected'));
    expect((await latestModel()).weights).toEqual(vector(3));

    for (const [index, participant] of participants.entries()) {
      await participant.start();
      await participant.upload(bodyOf(index, vector(index * 3)));
    }
    await until(xain.server, isFinished);
    expect((await latestModel()).weights).toEqual(vector(5));
  });

  it.each<[string, Tensor]>([
    ['a scalar', { dtype: 'F64', shape: [], data: Float64Array.of(0.1) }],
    ['an empty array', { dtype: 'F32', shape: [0], data: new Float32Array(0) }],
    ['an empty array of three dimensions', { dtype: 'F64', shape: [2, 0, 3], data: new Float64Array(0) }],
    ['four dimensions', { dtype: 'F32', shape: [1, 2, 1, 2], data: Float32Array.of(0.1, -1, 3e38, 1e-45) }],
  ])('takes %s, which comes back with its dtype and shape', async (_, weights) => {
    begin({ rounds: 2, minClients: 1 });
    const participant = await oneInTraining(xain.server);
    expect((await participant.upload(bodyOf(1, weights))).status).toBe(200);
    await until(xain.server, () => participant.state === 'selected');
    expect(decodeNpy((await participant.download()).bytes)).toEqual(weights);
  });

  it('takes a .npy of version 2', async () => {
    begin({ rounds: 1, minClients: 1 });
    const participant = await oneInTraining(xain.server);
    const first = encodeNpy(vector(7));
    const second = Buffer.concat([first.subarray(0, 6), Buffer.from([2, 0, 118, 0, 0, 0]), first.subarray(10)]);
    expect((await participant.upload(bodyOf(1, second))).status).toBe(200);
    await until(xain.server, isFinished);
    expect((await latestModel()).weights).toEqual(vector(7));
  });

  it('takes a body without a length, however it is cut into pieces', async () => {
    begin({ rounds: 1, minClients: 1 });
    const participant = await oneInTraining(xain.server);
    const body = bodyOf(1, vector(1, 2, 3));
    const upload = openUpload(participant.url, body.subarray(0, 1));
    await upload.sent;
    for (let at = 1; at < body.byteLength; at += 1) await upload.write(body.subarray(at, at + 1));
    upload.end();
    expect((await upload.answer).status).toBe(200);
    await until(xain.server, isFinished);
    expect((await latestModel()).weights).toEqual(vector(1, 2, 3));
  });

  it('goes into the one tensor of an initial model, whatever that is called', async () => {
    const name = 'model/"layer 1"';
    begin({ rounds: 1, minClients: 1, initialModel: 'upload' });
    const { handle } = xain;
    await handle.installModel(handle.run()?.run ?? '', encodeSafetensors({ [name]: vector(1, 2) }));
    const participant = await oneInTraining(xain.server);
    expect(decodeNpy((await participant.download()).bytes)).toEqual(vector(1, 2));
    expect((await participant.upload(bodyOf(1, vector(3, 4)))).status).toBe(200);
    await until(xain.server, isFinished);
    expect(await latestModel()).toEqual({ [name]: vector(3, 4) });
  });

  it('counts once, however often it is sent', async () => {
    begin({ rounds: 1, minClients: 2 });
    const [first, second] = await inTraining(xain.server, 2);
    const statuses = await Promise.all(
      [1, 1, 5].map(async (weight) => (await first?.upload(bodyOf(1, vector(weight))))?.status),
    );
    expect(statuses).toEqual([200, 200, 200]);
    expect((await first?.upload(bodyOf(9, vector(9))))?.status).toBe(200);
    expect(accepted()).toBe(1);
    await second?.upload(bodyOf(1, vector(1)));
    await until(xain.server, isFinished);
    const [record] = xain.handle.rounds();
    expect(record?.contributions.map(({ clientId }) => clientId).sort()).toEqual([first?.id, second?.id].sort());
  });
});

describe('a token that was valid once', () => {
  it('is answered 200 after its round, after the run and in the next run, and counts no more', async () => {
    begin({ rounds: 2, minClients: 1 });
    const participant = await oneInTraining(xain.server);
    const { url } = participant;
    await participant.upload(bodyOf(1, vector(1)));
    await until(xain.server, () => participant.state === 'selected');

    const staysHarmless = async () => {
      const before = accepted();
      for (const body of [bodyOf(1, vector(66)), bodyOf(1, vector(6, 6)), Buffer.from('nonsense'), Buffer.alloc(0)]) {
        const { status, bytes } = await call('POST', url, body);
        expect([status, bytes.byteLength]).toEqual([200, 0]);
      }
      expect((await call('GET', url)).status).toBe(200);
      expect(accepted()).toBe(before);
    };

    await staysHarmless();
    expect(decodeNpy((await call('GET', url)).bytes)).toEqual(vector(1));
    await participant.start();
    await staysHarmless();
    await participant.upload(bodyOf(1, vector(2)));
    await until(xain.server, isFinished);
    await staysHarmless();
    xain.handle.startRun({ minClients: 2 });
    await until(xain.server, () => xain.handle.status().round === 1);
    await staysHarmless();
    expect((await call('GET', url)).bytes.byteLength).toBe(0);
  });

  it('is answered 200 by another life of the aggregator, also when its round went down with the last one', async () => {
    begin({ rounds: 2, minClients: 2 });
    const participants = await inTraining(xain.server, 2);
    const urls = participants.map(({ url }) => url);
    await participants[0]?.upload(bodyOf(1, vector(1)));
    xain.server.chorus.killAggregator();
    await until(xain.server, () => xain.handle.status().attempt === 2);
    await until(xain.server, () => participants.every(({ state }) => state === 'selected'));
    for (const url of urls) {
      expect((await call('GET', url)).status).toBe(200);
      expect((await call('POST', url, bodyOf(1, vector(66)))).status).toBe(200);
    }
    expect(accepted()).toBe(1);
    for (const participant of participants) {
      await participant.start();
      await participant.upload(bodyOf(1, vector(2)));
    }
    await until(xain.server, () => xain.handle.status().round === 2);
    expect((await latestModel()).weights).toEqual(vector(2));
  });

  it('is answered 200 when its client was too slow, in the middle of its body', async () => {
    begin({ rounds: 1, cohortSize: 1, overSelection: 2, minClients: 2 });
    const [slow, quick] = await inTraining(xain.server, 2);
    const body = bodyOf(1, vector(1, 2, 3, 4));
    const upload = openUpload(slow?.url ?? '', body.subarray(0, 140), body.byteLength);
    await upload.sent;
    await quick?.upload(bodyOf(1, vector(5, 6, 7, 8)));
    await until(xain.server, isFinished);
    await upload.write(body.subarray(140));
    upload.end();
    expect((await upload.answer).status).toBe(200);
    expect((await latestModel()).weights).toEqual(vector(5, 6, 7, 8));
  });

  it('is answered 200 when its client is out of the round', async () => {
    begin({ minClients: 2 });
    const [evicted] = await inTraining(xain.server, 2);
    xain.handle.evict(evicted?.id ?? '');
    expect((await evicted?.upload(bodyOf(1, vector(1))))?.status).toBe(200);
    expect((await evicted?.download())?.status).toBe(200);
    expect(accepted()).toBe(0);
  });
});
