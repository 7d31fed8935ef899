import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeSafetensors } from '../../src/wire/safetensors.ts';
import { eventually, expectProblem, piecesOf } from './calls.ts';
import { type Participant, updateOf } from './participant.ts';
import { RawConnection } from './raw-connection.ts';
import { TestServer } from './test-server.ts';

const payloadBytesMax = 200_000;
const uploadIdleMsMax = 400;

/** One server and one client in training, for refusals that leave it there; each test sees that they did. */
describe.each([
  ['through the front door', true],
  ['through the HTTP server', false],
])('the body of an upload %s', (_, frontDoor) => {
  let server: TestServer;
  let client: Participant;

  beforeAll(async () => {
    server = await TestServer.start({
      plan: { rounds: 1, minClients: 1, payloadBytesMax, uploadAttemptsMax: 1_000, heartbeatTimeoutMs: 600_000 },
      http: { frontDoor, limits: { uploadIdleMsMax, uploadBytesPerSecondMin: 1 } },
    });
    client = await server.join();
    await client.start();
  });
  afterAll(() => server.close());

  const begin = (...headers: string[]) =>
    RawConnection.open(server.aggregatorUrl).head([
      `PUT ${client.uploadPath} HTTP/1.1`,
      `Authorization: Bearer ${client.trainingToken}`,
      ...headers,
    ]);
  const refused = () => server.handle.metrics().updatesTotal.refused;

  async function expectUnharmed(refusedBefore: number): Promise<void> {
    await server.expectNothingStaged();
    expect(refused()).toBe(refusedBefore);
    expect(client.state).toBe('training');
  }

  it('that is cut off half-way counts as nothing, and its memory is given back', async () => {
    const before = refused();
    const upload = begin(`Content-Length: ${payloadBytesMax}`).write(Buffer.alloc(payloadBytesMax / 2));
    await eventually(() => server.metric('chorus_staged_bytes')).toBe(payloadBytesMax);
    upload.socket.destroy();
    await expectUnharmed(before);
  });

  it('that is cut off within a chunk counts as nothing, and its memory is given back', async () => {
    const before = refused();
    const upload = begin('Transfer-Encoding: chunked').write('1000\r\nabc');
    await eventually(() => server.metric('chorus_uploads_in_flight')).toBe(1);
    upload.socket.resetAndDestroy();
    await expectUnharmed(before);
  });

  it('that stalls is given up with 408, and its memory is given back', async () => {
    const before = refused();
    const upload = begin('Content-Length: 1000').write('abc');
    expectProblem(await upload.answer(), 'REQUEST_TIMEOUT');
    await upload.closed();
    await expectUnharmed(before);
  });

  it('that trickles, so that it would take for ever, is given up too', async () => {
    const slow = await TestServer.forTest({
      plan: { rounds: 1, minClients: 1 },
      http: { frontDoor, limits: { uploadIdleMsMax: 300, uploadBytesPerSecondMin: 1_000_000 } },
    });
    const trickler = await slow.join();
    await trickler.start();
    const upload = RawConnection.open(slow.aggregatorUrl).head([
      `PUT ${trickler.uploadPath} HTTP/1.1`,
      `Authorization: Bearer ${trickler.trainingToken}`,
      'Content-Length: 1000000',
    ]);
    const drip = setInterval(() => upload.write('a'), 20);
    try {
      expectProblem(await upload.answer(), 'REQUEST_TIMEOUT');
    } finally {
      clearInterval(drip);
    }
    await slow.expectNothingStaged();
    expect(trickler.state).toBe('training');
  });

  it('that is declared too large is refused before it is sent, and counts', async () => {
    const before = refused();
    const upload = begin(`Content-Length: ${payloadBytesMax + 1}`);
    expectProblem(await upload.answer(), 'PAYLOAD_TOO_LARGE');
    await eventually(refused).toBe(before + 1);
    await expectUnharmed(before + 1);
  });

  it.each([
    ['no number', 'ten'],
    ['negative', '-1'],
    ['two lengths', '3, 4'],
    ['beyond all counting', '9'.repeat(30)],
  ])('whose declared length is %s is no request', async (__, length) => {
    const before = refused();
    expectProblem(await begin(`Content-Length: ${length}`).answer(), 'REQUEST_INVALID');
    await expectUnharmed(before);
  });

  it('that has a length and chunks as well is no request', async () => {
    const before = refused();
    const upload = begin('Content-Length: 3', 'Transfer-Encoding: chunked').write('3\r\nabc\r\n0\r\n\r\n');
    expectProblem(await upload.answer(), 'REQUEST_INVALID');
    await upload.closed();
    await expectUnharmed(before);
  });

  it('whose chunks are malformed is no request, and its memory is given back', async () => {
    const before = refused();
    const upload = begin('Transfer-Encoding: chunked').write('5\r\nabcde\r\n');
    await eventually(() => server.metric('chorus_uploads_in_flight')).toBe(1);
    upload.write('no size\r\n');
    expectProblem(await upload.answer(), 'REQUEST_INVALID');
    await upload.closed();
    await expectUnharmed(before);
  });

  it('that is refused does not come between the client and its answer, however much is still sent', async () => {
    const before = refused();
    const large = new Uint8Array(20_000_000);
    for (let upload = 1; upload <= 5; upload += 1) {
      expectProblem(await client.upload(large), 'PAYLOAD_TOO_LARGE');
      expectProblem(await client.upload(large, { token: 'wrong' }), 'TRAINING_TOKEN_INVALID');
      expectProblem(await client.upload(piecesOf(large, 65_536)), 'PAYLOAD_TOO_LARGE');
    }
    await expectUnharmed(before + 10);
  });

  it('that is neither sent nor ended after its refusal is cut off', async () => {
    const upload = begin('Content-Length: 1000000000').write('abc');
    expectProblem(await upload.answer(), 'PAYLOAD_TOO_LARGE');
    await upload.closed();
  });

  it.each(['', ';;;', 'safetensors', 'a/b/c', 'text/plain; charset'])(
    'of the content type "%s" leaves nothing behind, whatever is thought of it',
    async (type) => {
      for (let upload = 1; upload <= 3; upload += 1) {
        const { status, json } = await begin(`Content-Type: ${type}`, 'Content-Length: 3').write('abc').answer();
        expect([415, 422]).toContain(status);
        expect(json.code).toMatch(/^(UNSUPPORTED_MEDIA_TYPE|MALFORMED_SAFETENSORS)$/);
      }
      await server.expectNothingStaged();
      expect(client.state).toBe('training');
    },
  );

  it('that is compressed is not taken', async () => {
    const before = refused();
    const answer = await client.upload(updateOf([1]), { headers: { 'content-encoding': 'gzip' } });
    expectProblem(answer, 'UNSUPPORTED_MEDIA_TYPE');
    await expectUnharmed(before);
  });

  it('is asked for only when the request is let in: Expect: 100-continue', async () => {
    const before = refused();
    const refusal = begin(`Content-Length: ${payloadBytesMax + 1}`, 'Expect: 100-continue');
    expectProblem(await refusal.answer(), 'PAYLOAD_TOO_LARGE');
    const body = await refusal.closed();
    expect(body).not.toContain('100 Continue');

    const stranger = RawConnection.open(server.aggregatorUrl).head([
      `PUT ${client.uploadPath} HTTP/1.1`,
      'Authorization: Bearer wrong',
      'Content-Length: 10',
      'Expect: 100-continue',
    ]);
    const heard = await stranger.closed();
    expect(heard).toMatch(/^HTTP\/1\.1 401 /);
    expect(heard).not.toContain('100 Continue');

    const letIn = begin('Content-Length: 3', 'Expect: 100-continue');
    expect(await letIn.until((text) => text.includes('\r\n\r\n'))).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    expectProblem(await letIn.write('abc').answer(), 'MALFORMED_SAFETENSORS');
    await expectUnharmed(before + 2);
  });

  it('may come in chunks of any size, and the same bytes over a length get the same receipt', async () => {
    const update = updateOf(Array.from({ length: 40_000 }, (_, index) => index / 3));
    const chunked = await client.upload(piecesOf(update, 7_777));
    expect(chunked).toMatchObject({ status: 200, json: { verdict: 'accepted' } });
    expect(await client.upload(update)).toMatchObject({ status: 200, json: chunked.json });
    const { bytes } = await server.model(1);
    expect(decodeSafetensors(bytes).tensors).toEqual(decodeSafetensors(update).tensors);
  });
});

describe('a body that goes on after its Content-Length', () => {
  it('is taken up to there, and counts once; the rest is no request', async () => {
    const server = await TestServer.forTest({ plan: { rounds: 1, minClients: 2 } });
    const [client, other] = (await server.joinMany(2)) as [Participant, Participant];
    await client.start();
    const update = updateOf([6]);
    const upload = RawConnection.open(server.aggregatorUrl)
      .head([
        `PUT ${client.uploadPath} HTTP/1.1`,
        `Authorization: Bearer ${client.trainingToken}`,
        `Content-Length: ${update.byteLength}`,
      ])
      .write(Buffer.concat([update, Buffer.from('and more\r\n\r\n')]));
    expect(await upload.closed()).toMatch(/HTTP\/1\.1 400 /);
    await server.expectState(client.clientId, 'done');
    expect(await client.upload(update)).toMatchObject({ status: 200 });
    await other.contribute([2]);
    const { bytes } = await server.model(1);
    expect([...(decodeSafetensors(bytes).tensors.w?.data ?? [])]).toEqual([4]);
  });
});
