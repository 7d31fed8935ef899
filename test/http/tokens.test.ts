import { describe, expect, it } from 'vitest';
import { decodeSafetensors } from '../../src/wire/safetensors.ts';
import { type Answer, eventually, expectProblem } from './calls.ts';
import { type Participant, updateOf } from './participant.ts';
import { RawConnection } from './raw-connection.ts';
import { TestServer } from './test-server.ts';

const weightsOf = ({ bytes }: Answer): number[] => [...(decodeSafetensors(bytes).tensors.w?.data ?? [])];

describe('a training token', () => {
  it('is good for its own client and round, and while it is wanted', async () => {
    const server = await TestServer.forTest({ plan: { rounds: 2, cohortSize: 3 } });
    const [first, second, leaver] = (await server.joinMany(3)) as [Participant, Participant, Participant];
    for (const client of [first, second, leaver]) await client.start();
    const update = { body: updateOf([1]) };
    const put = (client: Participant, token: string | undefined, round = 1) =>
      server.askAggregator('PUT', `/v1/rounds/${round}/updates/${client.clientId}`, { ...update, token });

    for (const token of [
      undefined,
      'wrong',
      crypto.randomUUID(),
      first.trainingToken.slice(0, -1),
      first.clientToken,
    ]) {
      expectProblem(await put(first, token), 'TRAINING_TOKEN_INVALID');
      expectProblem(await server.askAggregator('GET', '/v1/rounds/1/model', { token }), 'TRAINING_TOKEN_INVALID');
    }
    expectProblem(await put(first, second.trainingToken), 'TRAINING_TOKEN_MISMATCH');
    expectProblem(await put(first, first.trainingToken, 2), 'TRAINING_TOKEN_MISMATCH');
    expectProblem(
      await server.askAggregator('GET', '/v1/rounds/2/model', { token: first.trainingToken }),
      'TRAINING_TOKEN_MISMATCH',
    );
    expect(server.handle.metrics().updatesTotal).toEqual({ accepted: 0, discarded: 0, refused: 0 });
    expect(await server.metric('chorus_staged_bytes')).toBe(0);

    await leaver.ask('DELETE');
    await eventually(async () => (await leaver.upload(updateOf([1]))).json.code).toBe('UPDATE_DISCARDED');
    expectProblem(await leaver.download(), 'UPDATE_DISCARDED');
    const spare = await server.join();

    const receipt = await first.contribute([2]);
    expect(await first.upload(updateOf([2]))).toMatchObject({ status: 200, json: { receipt } });
    expectProblem(await first.upload(updateOf([3])), 'UPDATE_CONFLICT');
    expectProblem(await first.upload(new Uint8Array(3)), 'UPDATE_CONFLICT');

    await spare.contribute([4]);
    await second.contribute([9]);
    expect(weightsOf(await server.model(1))).toEqual([5]);
    expect(server.handle.metrics().updatesTotal).toEqual({ accepted: 3, discarded: 0, refused: 0 });

    // The round is over: what counted still has its receipt, and nothing else is wanted.
    expect(await first.upload(updateOf([2]))).toMatchObject({ status: 200, json: { receipt } });
    expectProblem(await first.upload(updateOf([3])), 'UPDATE_CONFLICT');
    expectProblem(await first.download(), 'UPDATE_DISCARDED');
    const expired = first.trainingToken;
    await first.waitUntil('selected');
    expect((await first.start()).trainingToken).not.toBe(expired);
    expectProblem(await put(first, expired, 2), 'TRAINING_TOKEN_MISMATCH');
    expectProblem(await put(first, first.trainingToken, 1), 'TRAINING_TOKEN_MISMATCH');
  });

  it('of an attempt that was given up is dead, and the next attempt counts from nothing', async () => {
    const server = await TestServer.forTest({
      plan: { rounds: 1, minClients: 2, trainingWindowMs: 700, attemptsMax: 50 },
    });
    const [first, second] = (await server.joinMany(2)) as [Participant, Participant];
    await first.contribute([100]);
    await second.start();
    const [old, oldPath] = [second.trainingToken, second.uploadPath];
    await server.event('round.abandoned');
    expectProblem(await server.askAggregator('PUT', oldPath, { token: old, body: updateOf([1]) }), 'UPDATE_DISCARDED');
    for (const client of [first, second]) await client.waitUntil('selected');
    await Promise.all([first.contribute([2]), second.contribute([4])]);
    expect(weightsOf(await server.model(1))).toEqual([3]);
  });

  it('comes again, the same, however often and however fast it is asked for', async () => {
    const server = await TestServer.forTest({ plan: { rounds: 1, minClients: 1 } });
    const client = await server.join();
    const answers = await Promise.all(Array.from({ length: 20 }, () => client.ask('POST', '/training')));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ json }) => json.trainingToken)).size).toBe(1);
  });
});

describe('two uploads of one client at once', () => {
  const twoClients = async () => {
    const server = await TestServer.forTest({ plan: { rounds: 1, minClients: 2 } });
    const [client, other] = (await server.joinMany(2)) as [Participant, Participant];
    await client.start();
    return { server, client, other };
  };

  it('of the same bytes get the same receipt, and count once', async () => {
    const { server, client, other } = await twoClients();
    const answers = await Promise.all([client.upload(updateOf([3], 2)), client.upload(updateOf([3], 2))]);
    const [{ json: first }, { json: second }] = answers as [Answer, Answer];
    expect(first).toMatchObject({ verdict: 'accepted', receipt: { numExamples: 2 } });
    expect(second).toEqual(first);
    await other.contribute([0], 1);
    expect(weightsOf(await server.model(1))).toEqual([2]);
    expect(server.handle.metrics().updatesTotal.accepted).toBe(2);
    expect(server.handle.round(1).contributions).toHaveLength(2);
    await server.expectNothingStaged();
  });

  it('of different bytes: one is accepted and the other conflicts', async () => {
    const { server, client, other } = await twoClients();
    const updates = [[10], [20]];
    const answers = await Promise.all(updates.map((update) => client.upload(updateOf(update))));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    const accepted = answers.findIndex(({ status }) => status === 200);
    expectProblem(answers[1 - accepted] as Answer, 'UPDATE_CONFLICT');
    await other.contribute([0]);
    expect(weightsOf(await server.model(1))).toEqual([(updates[accepted]?.[0] ?? 0) / 2]);
    await server.expectNothingStaged();
  });

  it('are all there may be: a third is told to wait', async () => {
    const { server, client } = await twoClients();
    const stalled = [1, 2].map(() =>
      RawConnection.open(server.aggregatorUrl)
        .head([
          `PUT ${client.uploadPath} HTTP/1.1`,
          `Authorization: Bearer ${client.trainingToken}`,
          'Content-Length: 100',
        ])
        .write('half'),
    );
    await eventually(() => server.metric('chorus_uploads_in_flight')).toBe(2);
    const third = await client.upload(updateOf([1]));
    expectProblem(third, 'UPLOAD_IN_PROGRESS');
    expect(third.headers.get('retry-after')).toBe('1');
    for (const { socket } of stalled) socket.destroy();
    await server.expectNothingStaged();
    expect(await client.upload(updateOf([1]))).toMatchObject({ status: 200 });
  });
});
