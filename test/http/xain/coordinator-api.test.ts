import { describe, expect, it } from 'vitest';
import {
  bodyOf,
  call,
  inTraining,
  json,
  Participant,
  selected,
  startServer,
  until,
  useServer,
  vector,
} from './harness.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const standBy = { state: 'stand_by', round: null };
const finish = { state: 'finish', round: null };
const notSelected = { url: null, token: null, ok: false };
const stranger = '3b241101-e2bb-4255-8caf-4136c566a962';

const xain = useServer();
const { begin } = xain;

/** Takes part in every round that is left. */
async function finishRun(participants: readonly Participant[]): Promise<void> {
  const { handle } = xain;
  while (handle.run()?.state !== 'finished') {
    await until(xain.server, () => participants.every(({ state }) => state === 'selected'));
    const { round } = handle.status();
    for (const participant of participants) {
      await participant.start();
      expect((await participant.upload(bodyOf(1, vector(1)))).status).toBe(200);
    }
    await until(xain.server, () => handle.run()?.state === 'finished' || handle.status().round > round);
  }
}

describe('GET /rendez_vous', () => {
  it('registers a client', async () => {
    begin({ minClients: 2 });
    const { status, headers, bytes } = await call('GET', `${xain.server.coordinatorUrl}/rendez_vous`);
    expect(status).toBe(200);
    expect(headers['content-type']).toContain('application/json');
    expect(headers['cache-control']).toBe('no-store');
    const answer = JSON.parse(bytes.toString());
    expect(answer).toEqual({ id: expect.stringMatching(uuid), ok: true });
    expect(xain.handle.client(answer.id)).toMatchObject({ state: 'waiting', attributes: { api: 'xain' } });
  });

  it('registers nobody once the run is over', async () => {
    begin({ rounds: 1, minClients: 1 });
    await finishRun(await selected(xain.server, 1));
    expect(await json(xain.server, '/rendez_vous')).toEqual({ id: null, ok: false });
    xain.handle.startRun();
    xain.handle.stopRun();
    expect(await json(xain.server, '/rendez_vous')).toEqual({ id: null, ok: false });
  });

  it('registers nobody for a run of differences, since these participants send whole weights', async () => {
    begin({ updateKind: 'deltas', initialModel: 'upload' });
    expect(await json(xain.server, '/rendez_vous')).toEqual({ id: null, ok: false });
  });

  it('registers nobody when it is only asked for its headers', async () => {
    begin({ minClients: 2 });
    const { status } = await call('HEAD', `${xain.server.coordinatorUrl}/rendez_vous`);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(xain.handle.status().population).toBe(0);
  });

  it('is not there unless it was asked for', async () => {
    const other = await startServer({ http: {} });
    try {
      const { coordinatorUrl, aggregatorUrl } = other;
      expect((await call('GET', `${coordinatorUrl}/rendez_vous`)).status).toBe(404);
      expect((await call('GET', `${aggregatorUrl}/${stranger}/${stranger}`)).status).toBe(404);
    } finally {
      await other.chorus.close();
    }
  });
});

describe('GET /heartbeat/:id', () => {
  it('says stand_by, then round from 0 while selected and in training, then stand_by once the upload is answered', async () => {
    begin({ rounds: 2, minClients: 2 });
    const first = await Participant.join(xain.server);
    expect(await first.beat()).toEqual(standBy);
    const second = await Participant.join(xain.server);
    await until(xain.server, () => first.state === 'selected');
    expect(await first.beat()).toEqual({ state: 'round', round: 0 });
    await first.start();
    expect(await first.beat()).toEqual({ state: 'round', round: 0 });
    await first.upload(bodyOf(1, vector(1)));
    expect(await first.beat()).toEqual(standBy);

    await second.start();
    await second.upload(bodyOf(1, vector(1)));
    await until(xain.server, () => first.state === 'selected');
    expect(await first.beat()).toEqual({ state: 'round', round: 1 });
  });

  it('rejects a UUID that is unknown, with status 200', async () => {
    begin({ minClients: 2 });
    expect(await json(xain.server, `/heartbeat/${stranger}`)).toEqual({ state: 'reject', round: null });
    const { id } = await Participant.join(xain.server);
    xain.handle.leave(id);
    expect(await json(xain.server, `/heartbeat/${id}`)).toEqual({ state: 'reject', round: null });
  });

  it('takes ids in capitals as well', async () => {
    begin({ minClients: 2 });
    const { id } = await Participant.join(xain.server);
    expect(await json(xain.server, `/heartbeat/${id.toUpperCase()}`)).toEqual(standBy);
  });

  it.each(['None', 'null', '1', `${stranger}0`, '%00'])('is not found when the id is %s', async (id) => {
    begin({ minClients: 2 });
    for (const path of ['heartbeat', 'start_training']) {
      expect((await call('GET', `${xain.server.coordinatorUrl}/${path}/${id}`)).status).toBe(404);
    }
  });

  it('speaks for no client that registered with a token', async () => {
    begin({ minClients: 1 });
    const { handle } = xain;
    const { clientId } = handle.rendezvous();
    await until(xain.server, () => handle.client(clientId).state === 'selected');
    expect(await json(xain.server, `/heartbeat/${clientId}`)).toEqual({ state: 'reject', round: null });
    expect(await json(xain.server, `/start_training/${clientId}`)).toEqual(notSelected);
    expect(handle.client(clientId).state).toBe('selected');
  });

  it('says finish for good, although a new run begins', async () => {
    begin({ rounds: 2, minClients: 2 });
    const participants = await selected(xain.server, 2);
    await finishRun(participants);
    const [first, second] = participants;
    expect(await first?.beat()).toEqual(finish);
    xain.handle.startRun({ minClients: 2 });
    expect(await first?.beat()).toEqual(finish);
    expect(await json(xain.server, `/start_training/${first?.id}`)).toEqual(notSelected);
    expect(xain.handle.status().population).toBe(1);
    // The other one has not heard of the end: it goes on.
    expect(await second?.beat()).toEqual(standBy);
    const third = await Participant.join(xain.server);
    await until(xain.server, () => third.state === 'selected');
    expect(await second?.beat()).toEqual({ state: 'round', round: 0 });
    expect(await first?.beat()).toEqual(finish);
  });

  it('says finish when the run was stopped in the middle of a round', async () => {
    begin({ minClients: 1 });
    const [participant] = await inTraining(xain.server, 1);
    xain.handle.stopRun();
    expect(await participant?.beat()).toEqual(finish);
    expect((await participant?.upload(bodyOf(1, vector(1))))?.status).toBe(200);
    expect(await participant?.beat()).toEqual(finish);
  });
});

describe('GET /start_training/:id', () => {
  it('is refused, with status 200, to a client that is not selected or not known', async () => {
    begin({ minClients: 2 });
    const { id } = await Participant.join(xain.server);
    expect(await json(xain.server, `/start_training/${id}`)).toEqual(notSelected);
    expect(await json(xain.server, `/start_training/${stranger}`)).toEqual(notSelected);
  });

  it('tells the origin of the aggregator and a token, the same when asked again', async () => {
    begin({ minClients: 1 });
    const [participant] = await selected(xain.server, 1);
    const started = await participant?.start();
    expect(started).toEqual({ url: xain.server.aggregatorUrl, token: expect.stringMatching(uuid), ok: true });
    expect(new URL(xain.server.aggregatorUrl).origin).toBe(xain.server.aggregatorUrl);
    expect(await participant?.start()).toEqual(started);
  });

  it('waits for an aggregator that restarts', async () => {
    begin({ rounds: 1, minClients: 1 });
    const [participant] = await selected(xain.server, 1);
    xain.server.chorus.killAggregator();
    expect(await participant?.start()).toMatchObject({ ok: true });
    expect((await participant?.upload(bodyOf(1, vector(1))))?.status).toBe(200);
    await until(xain.server, () => xain.handle.run()?.state === 'finished');
    expect(xain.handle.metrics().aggregatorRestartsTotal).toBe(1);
  });
});
