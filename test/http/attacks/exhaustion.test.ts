import { describe, expect, it } from 'vitest';
import { eventually, expectProblem } from '../calls.ts';
import type { Participant } from '../participant.ts';
import { RawConnection } from '../raw-connection.ts';
import { TestServer } from '../test-server.ts';

const plan = { minClients: 10, heartbeatTimeoutMs: 600_000 };

describe('heartbeats held by one client', () => {
  it('are one at a time: a newer one answers the older', async () => {
    const server = await TestServer.forTest({ plan });
    const client = await server.join();
    const gone = new AbortController();
    let answered = 0;
    const hold = async () => {
      const { status } = await client.wait(60, { body: { state: 'standby', round: 0 }, signal: gone.signal });
      expect(status).toBe(200);
      answered += 1;
    };
    const held = Promise.allSettled(Array.from({ length: 20 }, hold));
    await eventually(() => answered).toBe(19);
    expect(server.handle.metrics().longPollsHeld).toBe(1);
    gone.abort();
    await eventually(() => server.handle.metrics().longPollsHeld).toBe(0);
    expect((await held).filter(({ status }) => status === 'rejected')).toHaveLength(1);
  });
});

describe('registering until no more are taken', () => {
  it('keeps others out, and harms nobody who is in', async () => {
    const server = await TestServer.forTest({ plan, clientsMax: 3 });
    const [client, other] = (await server.joinMany(3)) as [Participant, Participant];
    for (let attempt = 1; attempt <= 20; attempt += 1) {
      const refusal = await server.ask('POST', '/v1/clients');
      expectProblem(refusal, 'REGISTRY_FULL');
      expect(Number(refusal.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect((await client.beat()).state).toBe('standby');
    expect((await other.ask('DELETE')).status).toBe(204);
    await server.join();
    expect(server.handle.status().population).toBe(3);
  });
});

describe.each(['/v1/events', '/dashboard/stream', '/dashboard/machines'])('streams of %s', (path) => {
  it('are so many at once, and there is room for another when one was left', async () => {
    const limits = { eventStreamsMax: 2 };
    const server = await TestServer.forTest({ plan, inspectPage: true, http: { limits } });
    const open = () => RawConnection.open(server.coordinatorUrl).head([`GET ${path} HTTP/1.1`]);
    const [first, second] = [open(), open()];
    for (const stream of [first, second]) await stream.until((text) => /^HTTP\/1\.1 200 /.test(text));
    const refusal = await server.ask('GET', path);
    expectProblem(refusal, 'RATE_LIMITED');
    expect(refusal.headers.get('retry-after')).toBe('5');
    expect((await server.ask('GET', '/v1/status')).status).toBe(200);
    first.socket.destroy();
    await eventually(async () => {
      const next = open();
      const told = await next.until((text) => text.includes('\r\n\r\n'));
      return told.slice(0, 'HTTP/1.1 200'.length);
    }).toBe('HTTP/1.1 200');
    expect(second.isClosed).toBe(false);
  });
});
