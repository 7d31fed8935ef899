import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, type CallOptions, expectProblem } from './calls.ts';
import { type Participant, updateOf } from './participant.ts';
import { TestServer } from './test-server.ts';

let server: TestServer;
let client: Participant;
let whole: Uint8Array;

beforeAll(async () => {
  server = await TestServer.start({
    plan: { rounds: 2, minClients: 1, downloadsMax: 1_000, heartbeatTimeoutMs: 600_000 },
  });
  client = await server.join();
  await client.contribute(Array.from({ length: 5_000 }, (_, index) => index));
  whole = (await server.model(1)).bytes;
  await client.waitUntil('selected');
  await client.start();
});
afterAll(() => server.close());

describe.each([
  ['the coordinator', (options?: CallOptions, method = 'GET') => server.ask(method, '/v1/models/latest', options)],
  ['the aggregator', (options?: CallOptions, method = 'GET') => client.download(options, method)],
])('a model from %s', (_, get) => {
  const ranged = (range: string, more: Record<string, string> = {}) => get({ headers: { range, ...more } });
  const etagOf = ({ headers }: Answer) => headers.get('etag') ?? '';

  it('is the bytes that were committed, with what tells one from another', async () => {
    const answer = await get();
    expect(answer).toMatchObject({ status: 200, bytes: whole });
    const { sha256 } = server.handle.models()[0] ?? {};
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      etag: `"${sha256}"`,
      'accept-ranges': 'bytes',
      'cache-control': 'no-cache',
      'content-length': String(whole.byteLength),
      'content-type': 'application/octet-stream',
      'x-chorus-model-version': '1',
    });
  });

  it.each([
    ['bytes=0-0', 0, 1],
    ['bytes=8-99', 8, 100],
    ['bytes=10000-', 10_000, undefined],
    ['bytes=-10', -10, undefined],
    ['bytes=20000-99999999999', 20_000, undefined],
  ])('comes in parts: %s', async (range, start, end) => {
    const answer = await ranged(range);
    const part = whole.slice(start, end);
    const first = start < 0 ? whole.byteLength + start : start;
    expect(answer).toMatchObject({ status: 206, bytes: part });
    expect(answer.headers.get('content-range')).toBe(
      `bytes ${first}-${first + part.byteLength - 1}/${whole.byteLength}`,
    );
  });

  it('put together from parts is the same', async () => {
    const parts: Uint8Array[] = [];
    for (let at = 0; at < whole.byteLength; at += 7_001) parts.push((await ranged(`bytes=${at}-${at + 7_000}`)).bytes);
    expect(new Uint8Array(Buffer.concat(parts))).toEqual(whole);
  });

  it.each(['bytes=0-1,3-4', 'bytes=1-0', 'pages=1-2', 'bytes', 'bytes=a-b'])(
    'comes whole when a range is not understood: %s',
    async (range) => {
      const answer = await ranged(range);
      expect([200, 416]).toContain(answer.status);
      if (answer.status === 200) expect(answer.bytes).toEqual(whole);
    },
  );

  it('has nothing after its end', async () => {
    const answer = await ranged(`bytes=${whole.byteLength}-`);
    expectProblem(answer, 'RANGE_NOT_SATISFIABLE');
    expect(answer.headers.get('content-range')).toBe(`bytes */${whole.byteLength}`);
  });

  it('is resumed only when it is still the same', async () => {
    const etag = etagOf(await get());
    expect(await ranged('bytes=0-9', { 'if-range': etag })).toMatchObject({ status: 206 });
    expect(await ranged('bytes=0-9', { 'if-range': '"another"' })).toMatchObject({ status: 200, bytes: whole });
  });

  it('is not sent again to who has it', async () => {
    const etag = etagOf(await get());
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const answer = await get({ headers: { 'if-none-match': known } });
      expect(answer).toMatchObject({ status: 304, bytes: new Uint8Array(0) });
      expect(etagOf(answer)).toBe(etag);
    }
    expect(await get({ headers: { 'if-none-match': '"another"' } })).toMatchObject({ status: 200 });
  });

  it('is described by HEAD', async () => {
    const answer = await get({}, 'HEAD');
    expect(answer).toMatchObject({ status: 200, bytes: new Uint8Array(0) });
    expect(answer.headers.get('content-length')).toBe(String(whole.byteLength));
    expect(etagOf(answer)).toBe(etagOf(await get()));
  });
});

describe('the models', () => {
  it('are listed with what is known of them', async () => {
    const { json } = await server.ask('GET', '/v1/models');
    expect(json.models).toEqual([
      {
        version: 1,
        run: server.handle.run()?.run,
        round: 1,
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
        bytes: whole.byteLength,
        createdAtMs: expect.any(Number),
        contributions: 1,
        numExamples: 1,
        evaluations: [],
        best: false,
        metrics: {},
      },
    ]);
    expect((await server.ask('GET', '/v1/models/1')).bytes).toEqual(whole);
    expectProblem(await server.ask('GET', '/v1/models/2'), 'MODEL_UNKNOWN');
  });

  it('are given out as often as the plan says, per token, and no more', async () => {
    const small = await TestServer.forTest({ plan: { rounds: 2, minClients: 1, downloadsMax: 3 } });
    const one = await small.join();
    await one.start();
    // Before the first model there is nothing to give out.
    for (let download = 1; download <= 3; download += 1) expect((await one.download()).status).toBe(204);
    await one.upload(updateOf([1]));
    await small.model(1);
    await one.waitUntil('selected');
    await one.start();
    for (let download = 1; download <= 3; download += 1) expect((await one.download()).status).toBe(200);
    expectProblem(await one.download(), 'DOWNLOADS_EXHAUSTED');
    await one.start();
    expectProblem(await one.download(), 'DOWNLOADS_EXHAUSTED');
    expect(await one.upload(updateOf([2]))).toMatchObject({ status: 200 });
  });

  it('are gone to no reader half-way when a newer one is committed', async () => {
    const { latest } = await (async () => {
      const reading = fetch(`${server.coordinatorUrl}/v1/models/latest`);
      await client.upload(updateOf(new Array(5_000).fill(0)));
      await server.model(2);
      return { latest: new Uint8Array(await (await reading).arrayBuffer()) };
    })();
    expect([whole, (await server.ask('GET', '/v1/models/2')).bytes]).toContainEqual(latest);
    expect((await server.ask('GET', '/v1/models/1')).bytes).toEqual(whole);
    expect((await server.ask('GET', '/v1/models/latest')).headers.get('x-chorus-model-version')).toBe('2');
  });
});
