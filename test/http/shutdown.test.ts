import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createChorus } from '../../src/index.ts';
import { eventually, expectProblem, patienceMs } from './calls.ts';
import { EventReader } from './event-reader.ts';
import { converse } from './front-door/conversation.ts';
import { type Participant, updateOf } from './participant.ts';
import { RawConnection } from './raw-connection.ts';
import { TestServer } from './test-server.ts';

/** Longest a server may take to close after its grace is over, ms: far less than the seconds that a cut would need. */
const closingMsMax = 4_000;

const upload = (server: TestServer, client: Participant, length: number) =>
  RawConnection.open(server.aggregatorUrl).head([
    `PUT ${client.uploadPath} HTTP/1.1`,
    `Authorization: Bearer ${client.trainingToken}`,
    `Content-Length: ${length}`,
  ]);

async function timeOf(act: Promise<void>): Promise<number> {
  const startedAtMs = performance.now();
  await act;
  return performance.now() - startedAtMs;
}

/** Whether a port can be taken again. */
function isFree(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(Number(new URL(url).port), '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

describe('a server that shuts down', () => {
  it('ends the upload that is under way, counts it, and takes no other', async () => {
    const server = await TestServer.start({ plan: { rounds: 1, minClients: 3 } });
    const [client, late, starting] = (await server.joinMany(3)) as [Participant, Participant, Participant];
    await client.start();
    await late.start();
    const update = updateOf([1, 2, 3], 5);
    const underWay = upload(server, client, update.byteLength).write(update.subarray(0, 20));
    await eventually(() => server.metric('chorus_uploads_in_flight')).toBe(1);

    const closed = server.close(patienceMs);
    expect(server.close()).toBe(closed);
    // Its thread is told by a message.
    await eventually(async () => (await server.askAggregator('GET', '/readyz')).json.code).toBe('SHUTTING_DOWN');
    const refusals = [
      await server.ask('POST', '/v1/clients'),
      await late.ask('POST', '/heartbeat'),
      await late.wait(30),
      await starting.ask('POST', '/training'),
      await late.upload(update),
      await server.order('POST', '/v1/runs'),
      await server.order('PUT', `/v1/runs/${server.handle.run()?.run}/model`, { body: update }),
    ];
    for (const refusal of refusals) {
      expectProblem(refusal, 'SHUTTING_DOWN');
      expect(Number(refusal.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect((await server.ask('GET', '/v1/status')).status).toBe(200);

    underWay.write(update.subarray(20));
    const { status, json } = await underWay.answer();
    expect({ status, json }).toMatchObject({ status: 200, json: { verdict: 'accepted', receipt: { numExamples: 5 } } });
    expect(server.handle.round(1).contributions).toMatchObject([{ ...json.receipt }]);
    expect(await timeOf(closed)).toBeLessThan(closingMsMax);
  });

  it('answers held heartbeats at once', async () => {
    const server = await TestServer.start({ plan: { minClients: 100 } });
    const clients = await server.joinMany(20);
    const held = clients.map((client) => client.wait(60));
    await eventually(() => server.handle.metrics().longPollsHeld).toBe(20);
    const closed = server.close();
    for (const answer of await Promise.all(held)) {
      expectProblem(answer, 'SHUTTING_DOWN');
      expect(answer.headers.get('retry-after')).toBe('5');
    }
    await closed;
    expect(server.handle.metrics().longPollsHeld).toBe(0);
  });

  it('waits for nobody beyond its grace: stalled uploads, open streams, silent and half-said connections', async () => {
    const server = await TestServer.start({ plan: { minClients: 1 } });
    const client = await server.join();
    await client.start();
    const stalled = upload(server, client, 1_000).write('half');
    await eventually(() => server.metric('chorus_uploads_in_flight')).toBe(1);
    const streams = await Promise.all([1, 2].map(() => EventReader.open(`${server.coordinatorUrl}/v1/events`)));
    const { coordinatorUrl, aggregatorUrl } = server;
    for (const url of [coordinatorUrl, aggregatorUrl]) {
      RawConnection.open(url);
      RawConnection.open(url).write('GET /healthz HTTP/1.1\r\nHost: loc');
      await RawConnection.open(url).head(['GET /healthz HTTP/1.1']).answer();
      const refused = RawConnection.open(url);
      refused.socket.allowHalfOpen = true;
      await refused.write('NONSENSE\r\n\r\n').answer();
    }

    const graceMs = 500;
    const tookMs = await timeOf(server.close(graceMs));
    expect(tookMs).toBeGreaterThan(graceMs - 50);
    expect(tookMs).toBeLessThan(graceMs + closingMsMax);
    expectProblem(await stalled.answer(), 'UPDATE_DISCARDED');
    for (const stream of streams) await stream.over();
    expect([await isFree(coordinatorUrl), await isFree(aggregatorUrl)]).toEqual([true, true]);
  });

  it('does not wait for a grace when nothing is under way, and may be started again at the same ports', async () => {
    const first = await TestServer.start({ plan: { rounds: 1, minClients: 1 } });
    const client = await first.join();
    await client.contribute([1]);
    await first.model(1);
    expect(await timeOf(first.close(60_000))).toBeLessThan(closingMsMax);
    const second = await createChorus({ plan: { minClients: 1 } });
    const [coordinator, aggregator] = [first.coordinatorUrl, first.aggregatorUrl].map((url) =>
      Number(new URL(url).port),
    );
    const urls = await second.listen({ coordinator: coordinator ?? 0, aggregator: aggregator ?? 0 });
    expect(urls).toEqual({ coordinatorUrl: first.coordinatorUrl, aggregatorUrl: first.aggregatorUrl });
    await second.close();
  });

  it('sends a model that is being read to its end', async () => {
    const server = await TestServer.start({ plan: { rounds: 1, minClients: 1 } });
    const client = await server.join();
    await client.contribute({ w: { dtype: 'F32', shape: [4_000_000], data: new Float32Array(4_000_000).fill(0.5) } });
    const whole = (await server.model(1)).bytes;
    const response = await fetch(`${server.coordinatorUrl}/v1/models/1`);
    const closed = server.close();
    const bytes = new Uint8Array(await response.arrayBuffer());
    await closed;
    expect(Buffer.compare(bytes, whole)).toBe(0);
  });

  it('does not wait for answers behind one that ended their connection', async () => {
    const server = await TestServer.start();
    const cutShort = [
      'POST /v1/clients HTTP/1.1',
      'Host: 127.0.0.1',
      'Content-Type: application/json',
      'Content-Length: 1',
      '',
      '{',
    ].join('\r\n');
    const behind = 'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';
    const answers = await converse(Number(new URL(server.coordinatorUrl).port), [cutShort + behind], 2);
    expect(answers.map(({ status }) => status)).toEqual([400]);
    expect(await timeOf(server.close())).toBeLessThan(closingMsMax);
  });
});

describe('a server that cannot listen', () => {
  it('says so, and listens where it can afterwards', async () => {
    const taken = await TestServer.forTest();
    const { port } = new URL(taken.coordinatorUrl);
    const chorus = await createChorus();
    await expect(chorus.listen({ coordinator: Number(port), aggregator: 0 })).rejects.toThrow(/EADDRINUSE|in use/);
    await expect(chorus.listen({ coordinator: 0, aggregator: Number(port) })).rejects.toThrow();
    const { coordinatorUrl, aggregatorUrl } = await chorus.listen({ coordinator: 0, aggregator: 0 });
    for (const url of [coordinatorUrl, aggregatorUrl]) expect((await fetch(`${url}/readyz`)).status).toBe(200);
    await expect(chorus.listen({ coordinator: 0, aggregator: 0 })).rejects.toThrow(/listens already/);
    await chorus.close();
  });
});
