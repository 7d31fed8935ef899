import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/domain/errors.ts';
import type { Dtype, Tensor, Tensors } from '../../src/domain/model.ts';
import { decodeSafetensors, encodeSafetensors } from '../../src/wire/safetensors.ts';
import { expectProblem, piecesOf } from './calls.ts';
import { type Participant, updateOf } from './participant.ts';
import { TestServer } from './test-server.ts';

const tensor = (dtype: Dtype, data: readonly number[], shape = [data.length]): Tensor => ({
  dtype,
  shape,
  data: dtype === 'F64' ? Float64Array.from(data) : Float32Array.from(data),
});
const model: Tensors = {
  weights: tensor('F32', [1, 2, 3, 4], [2, 2]),
  bias: tensor('F64', [5, 6]),
  scale: tensor('F16', [7]),
  shift: tensor('BF16', [8], []),
};
const withMetadata = (metadata: Record<string, string>, tensors: Tensors = model) =>
  encodeSafetensors(tensors, metadata);
const good = updateOf(model);

/** The good update with its JSON header replaced, or with a header length that is not its own. */
function reheaded(header: string, { length = header.length }: { length?: number | bigint } = {}): Uint8Array {
  const dataAt = 8 + Number(new DataView(good.buffer).getBigUint64(0, true));
  const prefix = new DataView(new ArrayBuffer(8));
  prefix.setBigUint64(0, BigInt(length), true);
  return Buffer.concat([new Uint8Array(prefix.buffer), new TextEncoder().encode(header), good.subarray(dataAt)]);
}
const header = new TextDecoder().decode(good.subarray(8, 8 + Number(new DataView(good.buffer).getBigUint64(0, true))));
const edited = (find: string, replace: string) => {
  if (!header.includes(find)) throw new Error(`The header has no ${find}: ${header}`);
  return reheaded(header.replace(find, replace));
};
const nonFinite = (['F32', 'F64', 'F16', 'BF16'] as const).flatMap((dtype) =>
  [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map((value): [string, ErrorCode, Uint8Array] => {
    const poisoned = Object.fromEntries(
      Object.entries(model).map(([name, one]) => {
        const data = one.data.slice();
        if (one.dtype === dtype) data[data.length - 1] = value;
        return [name, { ...one, data }];
      }),
    );
    return [`${value} in ${dtype}`, 'NOT_FINITE', updateOf(poisoned)];
  }),
);
const { weights, ...withoutWeights } = model as Required<typeof model> & { weights: Tensor };

const malformed: [string, ErrorCode, Uint8Array][] = [
  ['no bytes at all', 'MALFORMED_SAFETENSORS', new Uint8Array(0)],
  ['a few bytes', 'MALFORMED_SAFETENSORS', Uint8Array.of(1, 2, 3)],
  ['only a header length', 'MALFORMED_SAFETENSORS', good.subarray(0, 8)],
  ['half a header', 'MALFORMED_SAFETENSORS', good.subarray(0, 40)],
  ['a file without its last byte', 'MALFORMED_SAFETENSORS', good.subarray(0, -1)],
  ['a byte too many', 'MALFORMED_SAFETENSORS', Buffer.concat([good, Uint8Array.of(0)])],
  ['a huge header length', 'MALFORMED_SAFETENSORS', reheaded(header, { length: 2n ** 64n - 1n })],
  ['a header length of 2^53', 'MALFORMED_SAFETENSORS', reheaded(header, { length: 2n ** 53n })],
  ['a header length past the end', 'MALFORMED_SAFETENSORS', reheaded(header, { length: good.byteLength })],
  ['a header length of 0', 'MALFORMED_SAFETENSORS', reheaded(header, { length: 0 })],
  ['a header that is no JSON', 'MALFORMED_SAFETENSORS', reheaded(header.replace(/./g, '{'))],
  ['a header that is a list', 'MALFORMED_SAFETENSORS', reheaded('[]      ')],
  ['a header that is not UTF-8', 'MALFORMED_SAFETENSORS', Buffer.concat([good.subarray(0, 9), Buffer.alloc(80, 0xff)])],
  ['a name twice', 'MALFORMED_SAFETENSORS', edited('"bias"', '"weights"')],
  ['a dtype nobody knows', 'MALFORMED_SAFETENSORS', edited('"F16"', '"F17"')],
  ['a dtype that is not taken', 'DTYPE_UNSUPPORTED', edited('"F16"', '"I16"')],
  ['negative offsets', 'MALFORMED_SAFETENSORS', edited('[0,16]', '[-1,16]')],
  [
    'overlapping tensors',
    'MALFORMED_SAFETENSORS',
    edited('"shape":[2],"data_offsets":[16,32]', '"shape":[2],"data_offsets":[8,24]'),
  ],
  ['a shape beyond all counting', 'MALFORMED_SAFETENSORS', edited('[2,2]', '[9007199254740991,9007199254740991]')],
  ['a shape that is not its bytes', 'MALFORMED_SAFETENSORS', edited('[2,2]', '[2,3]')],
  ['metadata that is no text', 'MALFORMED_SAFETENSORS', edited('"num_examples":"1"', '"num_examples":1')],
  ['another shape of the same size', 'MODEL_MISMATCH', edited('[2,2]', '[4,1]')],
  ['another name', 'MODEL_MISMATCH', edited('"bias"', '"bIas"')],
  ['a tensor missing', 'MODEL_MISMATCH', updateOf(withoutWeights)],
  ['a tensor too many', 'MODEL_MISMATCH', updateOf({ ...model, extra: tensor('F32', [1]) })],
  ['another dtype', 'MODEL_MISMATCH', updateOf({ ...model, weights: { ...weights, dtype: 'BF16' } })],
  ['no tensors', 'MODEL_MISMATCH', updateOf({})],
  ['no num_examples', 'NUM_EXAMPLES_INVALID', withMetadata({})],
  ...['0', '-1', '1.5', '1e3', '', ' 1', '01', '0x10', 'NaN', '9007199254740992', '1001', '1'.repeat(400)].map(
    (text): [string, ErrorCode, Uint8Array] => [
      `num_examples ${JSON.stringify(text.slice(0, 20))}`,
      'NUM_EXAMPLES_INVALID',
      withMetadata({ num_examples: text }),
    ],
  ),
  ...[
    '',
    '[]',
    'null',
    '{"a":"1"}',
    '{"a":1e999}',
    '{"a":NaN}',
    '{"a":1,"a":2}',
    '{"a":{}}',
    '{"__proto__":1}',
    '{"":1}',
  ].map((text): [string, ErrorCode, Uint8Array] => [
    `metrics ${JSON.stringify(text)}`,
    'METRICS_INVALID',
    withMetadata({ num_examples: '1', metrics: text }),
  ]),
  [
    'metrics of many names',
    'METRICS_INVALID',
    withMetadata({
      num_examples: '1',
      metrics: JSON.stringify(Object.fromEntries(Array.from({ length: 65 }, (_, name) => [name, 0]))),
    }),
  ],
  ...nonFinite,
];

describe('an upload that is not right', () => {
  let server: TestServer;
  let client: Participant;

  beforeAll(async () => {
    const plan = {
      rounds: 1,
      minClients: 1,
      initialModel: 'upload',
      uploadAttemptsMax: 1_000,
      numExamplesMax: 1_000,
    } as const;
    server = await TestServer.start({ plan });
    const run = server.handle.run()?.run;
    const installed = await server.order('PUT', `/v1/runs/${run}/model`, { body: encodeSafetensors(model, {}) });
    expect(installed.status).toBe(200);
    client = await server.join();
    await client.waitUntil('selected');
    await client.start();
  });
  afterAll(() => server.close());

  it.each(malformed)('is refused and leaves its client in training: %s', async (_, code, bytes) => {
    expectProblem(await client.upload(bytes), code);
    expect(client.state).toBe('training');
    expect(await client.beat()).toMatchObject({ state: 'training' });
  });

  it('is counted, gives its memory back, and spoils nothing: the right one that follows makes the exact model', async () => {
    await server.expectNothingStaged();
    expect(server.handle.metrics().updatesTotal).toMatchObject({ accepted: 0, refused: malformed.length });
    const update = Object.fromEntries(
      Object.entries(model).map(([name, one]) => [name, { ...one, data: one.data.map((value) => -value) }]),
    );
    expect(await client.upload(updateOf(update, 1_000))).toMatchObject({ status: 200 });
    const { bytes } = await server.model(2);
    expect(decodeSafetensors(bytes).tensors).toEqual(update);
  });
});

describe('an upload of large values', () => {
  it('is refused when its norm is beyond what the plan allows, and taken up to there', async () => {
    const server = await TestServer.forTest({ plan: { rounds: 1, minClients: 1, updateNormMax: 5 } });
    const client = await server.join();
    await client.start();
    expectProblem(await client.upload(updateOf([3, 4.001])), 'NORM_TOO_LARGE');
    expectProblem(await client.upload(updateOf([1e30, 1e30])), 'NORM_TOO_LARGE');
    expect(client.state).toBe('training');
    expect(await client.upload(updateOf([3, -4]))).toMatchObject({ status: 200 });
  });

  it('is held against that bound too when the squares are beyond float64, and counts where there is none', async () => {
    const huge = { w: { dtype: 'F64', shape: [2], data: Float64Array.of(1e200, -1e308) } } as const;
    const bounded = await TestServer.forTest({ plan: { rounds: 1, minClients: 1, updateNormMax: 5 } });
    const refused = await bounded.join();
    await refused.waitUntil('selected');
    await refused.start();
    expectProblem(await refused.upload(updateOf(huge)), 'NORM_TOO_LARGE');
    const open = await TestServer.forTest({ plan: { rounds: 1, minClients: 1 } });
    const taken = await open.join();
    await taken.waitUntil('selected');
    await taken.start();
    expect(await taken.upload(updateOf(huge))).toMatchObject({ status: 200 });
    expect(decodeSafetensors((await open.model(1)).bytes).tensors).toEqual(huge);
  });
});

describe('upload attempts', () => {
  it('are as many as the plan allows; then the client is out of the round and replaced', async () => {
    const server = await TestServer.forTest({ plan: { rounds: 1, cohortSize: 1, uploadAttemptsMax: 3 } });
    const client = await server.join();
    await client.start();
    const spare = await server.join();
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      expect(client.state).toBe('training');
      expectProblem(await client.upload(Uint8Array.of(attempt)), 'MALFORMED_SAFETENSORS');
    }
    expect(client.state).toBe('ignored');
    expect((await client.beat()).state).toBe('standby');
    expectProblem(await client.upload(updateOf([1])), 'UPLOAD_ATTEMPTS_EXHAUSTED');
    expectProblem(await client.ask('POST', '/training'), 'CLIENT_NOT_SELECTED');
    await spare.waitUntil('selected');
    await spare.contribute([4]);
    await server.model(1);
    const { exclusions, contributions } = server.handle.round(1);
    expect(exclusions).toMatchObject([
      { clientId: client.clientId, reason: 'uploadsRefused', code: 'MALFORMED_SAFETENSORS' },
    ]);
    expect(contributions).toMatchObject([{ clientId: spare.clientId }]);
  });

  it('are used up by bodies that are too large as well, declared or not', async () => {
    const server = await TestServer.forTest({
      plan: { rounds: 1, cohortSize: 1, uploadAttemptsMax: 2, payloadBytesMax: 10_000 },
    });
    const client = await server.join();
    await client.start();
    expectProblem(await client.upload(new Uint8Array(10_001)), 'PAYLOAD_TOO_LARGE');
    expectProblem(await client.upload(piecesOf(new Uint8Array(20_000), 5_000)), 'PAYLOAD_TOO_LARGE');
    await server.expectState(client.clientId, 'ignored');
    expectProblem(await client.upload(updateOf([1])), 'UPLOAD_ATTEMPTS_EXHAUSTED');
    await server.expectNothingStaged();
  });
});
