import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { decodeSafetensors } from '../../src/wire/safetensors.ts';
import { eventually, expectProblem, piecesOf } from './calls.ts';
import { type Participant, updateOf } from './participant.ts';
import { RawConnection } from './raw-connection.ts';
import { TestServer } from './test-server.ts';

const begin = (server: TestServer, client: Participant, length: number) =>
  RawConnection.open(server.aggregatorUrl).head([
    `PUT ${client.uploadPath} HTTP/1.1`,
    `Authorization: Bearer ${client.trainingToken}`,
    `Content-Length: ${length}`,
  ]);
const staged = (server: TestServer) => server.metric('chorus_staged_bytes');
const underWay = (server: TestServer) => server.metric('chorus_uploads_in_flight');

describe.each([
  ['through the front door', true],
  ['through the HTTP server', false],
])('staging memory for uploads %s', (_, frontDoor) => {
  it('that was given back is written to by nobody: what a refused client sends on ends up in no other update', async () => {
    const server = await TestServer.forTest({
      plan: { rounds: 1, cohortSize: 2, overSelection: 1.5, minClients: 3, heartbeatTimeoutMs: 600_000 },
      http: { frontDoor },
    });
    const [leaver, client, other] = (await server.joinMany(3)) as [Participant, Participant, Participant];
    for (const each of [leaver, client, other]) await each.start();
    const values = Array.from({ length: 100_000 }, (__, index) => index % 1_000);
    const update = updateOf(values);

    // Its memory is taken, its connection is read into it, and then it leaves.
    const refused = begin(server, leaver, update.byteLength);
    await eventually(() => staged(server)).toBe(update.byteLength);
    refused.write(update.subarray(0, 1_000));
    await leaver.ask('DELETE');
    expectProblem(await refused.answer(), 'UPDATE_DISCARDED');
    await server.expectNothingStaged();

    // The same memory is another's now; and the one that left sends on.
    const upload = begin(server, client, update.byteLength).write(update.subarray(0, -4));
    await eventually(() => staged(server)).toBe(update.byteLength);
    refused.write(Buffer.alloc(300_000, 0x3f));
    await refused.closed();
    upload.write(update.subarray(-4));
    const { status, json } = await upload.answer();
    expect(status).toBe(200);
    expect(json.receipt.sha256).toBe(createHash('sha256').update(update).digest('hex'));
    await other.contribute(values);
    const { bytes } = await server.model(1);
    expect(decodeSafetensors(bytes).tensors.w?.data.every((value, index) => value === values[index])).toBe(true);
  });

  it('that is all in use is waited for: an upload goes on when another is over', async () => {
    const server = await TestServer.forTest({
      plan: { rounds: 1, minClients: 2, uploadAttemptsMax: 1 },
      stagingBytesMax: 100_000,
      http: { frontDoor },
    });
    const [holder, client] = (await server.joinMany(2)) as [Participant, Participant];
    await holder.start();
    await client.start();
    const holding = begin(server, holder, 90_000).write('abc');
    await eventually(() => staged(server)).toBe(90_000);
    const update = updateOf(Array.from({ length: 20_000 }, (__, index) => index));
    const waiting = client.upload(update);
    await eventually(() => underWay(server)).toBe(2);
    expect(await staged(server)).toBe(90_000);
    holding.socket.destroy();
    const sha256 = createHash('sha256').update(update).digest('hex');
    expect(await waiting).toMatchObject({ status: 200, json: { verdict: 'accepted', receipt: { sha256 } } });
    await server.expectNothingStaged();
  });

  it('that runs out while an upload of unknown length grows is said so with a time to come back, and costs no attempt', async () => {
    const server = await TestServer.forTest({
      plan: { rounds: 1, minClients: 2, uploadAttemptsMax: 1 },
      stagingBytesMax: 100_000,
      http: { frontDoor },
    });
    const [holder, client] = (await server.joinMany(2)) as [Participant, Participant];
    await holder.start();
    await client.start();
    const holding = begin(server, holder, 30_000).write('abc');
    await eventually(() => staged(server)).toBe(30_000);
    const update = updateOf(new Array(20_000).fill(1));
    const answer = await client.upload(piecesOf(update, 5_000));
    expectProblem(answer, 'STAGING_FULL');
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(client.state).toBe('training');
    holding.socket.destroy();
    await server.expectNothingStaged();
    expect(await client.upload(piecesOf(update, 5_000))).toMatchObject({ status: 200 });
    await server.expectNothingStaged();
  });
});
