import { describe, expect, it } from 'vitest';
import type { BoundedEventFeed } from '../../src/actors/event-feed.ts';
import type { HttpLimits } from '../../src/domain/http.ts';
import { eventually, expectProblem } from './calls.ts';
import { EventReader } from './event-reader.ts';
import type { Participant } from './participant.ts';
import { RawConnection } from './raw-connection.ts';
import { TestServer } from './test-server.ts';

const serverWith = (limits: Partial<HttpLimits> = {}) =>
  TestServer.forTest({ plan: { rounds: 1, minClients: 2, uploadAttemptsMax: 1_000 }, http: { limits } });

const open = (server: TestServer, query = '', headers: Record<string, string> = {}) =>
  EventReader.open(`${server.coordinatorUrl}/v1/events${query}`, headers);

/** Makes events: each refused upload is one. */
async function refuseUploads(server: TestServer, client: Participant, count: number): Promise<void> {
  const before = server.events.length;
  for (let upload = 0; upload < count; upload += 1) await client.upload(new Uint8Array(1));
  await eventually(() => server.events.length).toBeGreaterThanOrEqual(before + count);
}

describe('the stream of events', () => {
  it('tells what happens, in order, and the same to everybody', async () => {
    const server = await serverWith();
    const [reader, other] = await Promise.all([open(server, '?lastEventId=0'), open(server)]);
    expect(reader.response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(reader.response.headers.get('cache-control')).toBe('no-store');
    const [first, second] = (await server.joinMany(2)) as [Participant, Participant];
    await first.contribute([1], 2);
    await second.start();
    await second.upload(new Uint8Array(3));
    await second.contribute([4], 1);
    const committed = await reader.next(({ event }) => event === 'round.committed');
    expect(committed.data.data).toMatchObject({
      round: 1,
      attempt: 1,
      modelVersion: 1,
      contributions: 2,
      exclusions: 0,
    });
    await other.next(({ id }) => id === committed.id);
    expect(reader.ids).toEqual(reader.ids.map((_, index) => index + 1));
    expect(other.ids).toEqual(reader.ids.slice(-other.ids.length));
    const types = reader.events.map(({ event }) => event);
    const story = ['clients.selected', 'update.accepted', 'update.refused', 'update.accepted', 'round.committed'];
    expect(types.filter((type) => story.includes(type))).toEqual(story);
    const phases = reader.events.filter(({ event }) => event === 'phase').map(({ data }) => data.data.phase);
    for (const phase of ['selecting', 'training', 'aggregating', 'committing', 'finished'])
      expect(phases).toContain(phase);
    expect(JSON.stringify(reader.events)).not.toContain(first.clientToken);
    expect(JSON.stringify(reader.events)).not.toContain(first.trainingToken);
  });

  it('goes on where a reader was cut off, by header or query, and from the start for an id of another process', async () => {
    const server = await serverWith();
    const [client] = (await server.joinMany(2)) as [Participant];
    await client.start();
    await refuseUploads(server, client, 5);
    const last = server.events.at(-1)?.id ?? 0;
    for (const reader of [
      await open(server, '', { 'last-event-id': String(last - 3) }),
      await open(server, `?lastEventId=${last - 3}`),
    ]) {
      await reader.next(({ id }) => id === last);
      expect(reader.ids.slice(0, 3)).toEqual([last - 2, last - 1, last]);
    }
    const stranger = await open(server, '', { 'last-event-id': '999999' });
    await stranger.next(({ id }) => id === last);
    expect(stranger.ids.slice(0, last)).toEqual(Array.from({ length: last }, (_, index) => index + 1));
    const confused = await open(server, '', { 'last-event-id': 'nonsense' });
    await refuseUploads(server, client, 1);
    await confused.next(({ id }) => id > last);
    expect(Math.min(...confused.ids)).toBeGreaterThan(last - 1);
    expectProblem(await server.ask('GET', '/v1/events?lastEventId=nonsense'), 'REQUEST_INVALID');
  });

  it('hands over all that was missed, also when that is more than a reader may be behind', async () => {
    const server = await serverWith({ eventBacklogBytesMax: 2_000 });
    const [client] = (await server.joinMany(2)) as [Participant];
    await client.start();
    await refuseUploads(server, client, 60);
    const last = server.events.at(-1)?.id ?? 0;
    const reader = await open(server, '?lastEventId=0');
    await reader.next(({ id }) => id === last);
    expect(reader.ids.slice(0, last)).toEqual(Array.from({ length: last }, (_, index) => index + 1));
    await refuseUploads(server, client, 1);
    await reader.next(({ id }) => id > last);
  });

  it('cuts off a reader that does not read, and nobody else', async () => {
    const server = await serverWith({ eventBacklogBytesMax: 150_000 });
    const [client] = (await server.joinMany(2)) as [Participant];
    await client.start();
    const brisk = await open(server);
    const slow = RawConnection.open(server.coordinatorUrl);
    slow.socket.pause();
    slow.head(['GET /v1/events HTTP/1.1']);
    // What the system itself keeps on the way to a reader is much: so there is more.
    const feed = server.handle.events as BoundedEventFeed;
    const detail = 'a'.repeat(100_000);
    for (let event = 0; event < 150; event += 1) {
      feed.publish('test.large', { detail });
      const last = server.events.at(-1)?.id;
      await brisk.next(({ id }) => id === last);
    }
    slow.socket.resume();
    await slow.closed();
    expect(slow.received.length).toBeLessThan(150 * detail.length);
    await refuseUploads(server, client, 1);
    expect(brisk.isOver).toBe(false);
  });

  it('is given to so many readers at once, and to the next when one has gone', async () => {
    const server = await serverWith({ eventStreamsMax: 2 });
    const first = RawConnection.open(server.coordinatorUrl).head(['GET /v1/events HTTP/1.1']);
    await first.until((text) => text.includes('retry:'));
    const second = await open(server);
    expect(second.response.status).toBe(200);
    const refusal = await server.ask('GET', '/v1/events');
    expectProblem(refusal, 'RATE_LIMITED');
    expect(refusal.headers.get('retry-after')).toBe('5');
    first.socket.destroy();
    await eventually(async () => {
      const over = new AbortController();
      const { status } = await fetch(`${server.coordinatorUrl}/v1/events`, { signal: over.signal });
      over.abort();
      return status;
    }).toBe(200);
  });

  it('ends when the server closes, after it told so', async () => {
    const server = await TestServer.start({ plan: { minClients: 2 } });
    const readers = await Promise.all([open(server), open(server, '?lastEventId=0')]);
    await server.close();
    for (const reader of readers) {
      await reader.over();
      // The run is not over: the next process goes on with it.
      expect(reader.events.at(-1)?.data.data).toMatchObject({ phase: 'draining', runState: 'running' });
    }
  });
});
