import { describe, expect, it } from 'vitest';
import { eventually, expectProblem } from './calls.ts';
import { type Participant, updateOf } from './participant.ts';
import { RawConnection } from './raw-connection.ts';
import { TestServer } from './test-server.ts';

describe.each([
  ['through the front door', true],
  ['through the HTTP server', false],
])('a connection to the aggregator %s', (_, frontDoor) => {
  const serverWith = (minClients: number, limits = {}) =>
    TestServer.forTest({ plan: { rounds: 3, minClients, heartbeatTimeoutMs: 600_000 }, http: { frontDoor, limits } });
  const putHead = (client: Participant, length: number) => [
    `PUT ${client.uploadPath} HTTP/1.1`,
    `Authorization: Bearer ${client.trainingToken}`,
    `Content-Length: ${length}`,
  ];
  const getHead = (client: Participant) => [
    `GET /v1/rounds/${client.ticket?.round}/model HTTP/1.1`,
    `Authorization: Bearer ${client.trainingToken}`,
  ];

  it('carries one request after another, of whatever kind, also when they come at once', async () => {
    const server = await serverWith(2);
    const [client] = (await server.joinMany(2)) as [Participant];
    await client.start();
    const update = updateOf(new Array(50_000).fill(0.25));
    const connection = RawConnection.open(server.aggregatorUrl);
    connection.head(getHead(client)).head(getHead(client));
    connection.head(putHead(client, 3)).write('abc');
    for (const status of [204, 204, 422]) expect((await connection.answer()).status).toBe(status);
    connection.head(putHead(client, update.byteLength)).write(update);
    connection.head(['GET /healthz HTTP/1.1']);
    connection.head(putHead(client, update.byteLength)).write(update);
    for (const status of [200, 200, 200]) expect((await connection.answer()).status).toBe(status);
    expect(server.handle.metrics().updatesTotal).toMatchObject({ accepted: 1, refused: 1 });
    connection.head(['GET /healthz HTTP/1.1', 'Connection: close']);
    expect((await connection.answer()).status).toBe(200);
    await connection.closed();
  });

  it('goes on after a refusal in the middle of a body, once that was sent', async () => {
    const server = await serverWith(2);
    const [leaver, client] = (await server.joinMany(2)) as [Participant, Participant];
    await leaver.start();
    await client.start();
    const connection = RawConnection.open(server.aggregatorUrl).head(putHead(leaver, 200_000)).write('abc');
    await eventually(() => server.metric('chorus_uploads_in_flight')).toBe(1);
    await leaver.ask('DELETE');
    expectProblem(await connection.answer(), 'UPDATE_DISCARDED');
    const update = updateOf([1, 2]);
    connection.write(Buffer.alloc(199_997)).head(putHead(client, update.byteLength)).write(update);
    expect(await connection.answer()).toMatchObject({ status: 200, json: { verdict: 'accepted' } });
    await server.expectNothingStaged();
  });

  it('is closed when its client asks for that, and when it is idle for too long', async () => {
    const server = await serverWith(1, { keepAliveMs: 300 });
    const client = await server.join();
    await client.start();
    const closing = RawConnection.open(server.aggregatorUrl).head([...getHead(client), 'Connection: close']);
    expect((await closing.answer()).headers.get('connection')).toBe('close');
    await closing.closed();
    const idle = RawConnection.open(server.aggregatorUrl).head(getHead(client));
    expect((await idle.answer()).status).toBe(204);
    await idle.closed();
  });

  it('is one of a bounded number: more are closed, and there is room again when one is', async () => {
    const server = await serverWith(1, { connectionsMax: 3 });
    const client = await server.join();
    await client.start();
    const held = [1, 2, 3].map(() => RawConnection.open(server.aggregatorUrl).head(getHead(client)));
    for (const connection of held) expect((await connection.answer()).status).toBe(204);
    const more = RawConnection.open(server.aggregatorUrl).head(getHead(client));
    await more.closed();
    expect(more.received).toBe('');
    held[0]?.socket.destroy();
    await eventually(
      async () => (await client.download({ headers: { connection: 'close' } }).catch(() => null))?.status,
    ).toBe(204);
  });
});

describe('a connection to the front door', () => {
  // Node's HTTP server takes such a client for one that is gone.
  it('may be closed for writing by a client that only wants its answer', async () => {
    const server = await TestServer.forTest({ plan: { rounds: 1, minClients: 1 } });
    const client = await server.join();
    await client.start();
    const update = updateOf([3]);
    const connection = RawConnection.open(server.aggregatorUrl);
    connection.socket.allowHalfOpen = true;
    connection
      .head([
        `PUT ${client.uploadPath} HTTP/1.1`,
        `Authorization: Bearer ${client.trainingToken}`,
        `Content-Length: ${update.byteLength}`,
      ])
      .write(update);
    connection.socket.end();
    expect(await connection.answer()).toMatchObject({ status: 200, json: { verdict: 'accepted' } });
  });
});
