import { describe, expect, it } from 'vitest';
import { type Answer, expectProblem } from './calls.ts';
import { type Participant, updateOf } from './participant.ts';
import { RawConnection } from './raw-connection.ts';
import { TestServer } from './test-server.ts';

type Refusal = Pick<Answer, 'status' | 'headers' | 'json'>;

/** Calls until the first refusal. @returns it, and how many were answered before. */
async function until429(
  ask: () => Promise<Refusal>,
  callsMax: number,
): Promise<{ answered: number; refusal: Refusal }> {
  for (let answered = 0; answered < callsMax; answered += 1) {
    const answer = await ask();
    if (answer.status === 429) return { answered, refusal: answer };
  }
  throw new Error(`${callsMax} calls were all answered`);
}

function expectComeBackLater(refusal: Refusal): void {
  expectProblem(refusal, 'RATE_LIMITED');
  const seconds = Number(refusal.headers.get('retry-after'));
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThanOrEqual(60);
}

describe('the rate of requests', () => {
  it('is limited for each client by itself, and nobody without its token can use it up', async () => {
    const server = await TestServer.forTest({
      plan: { minClients: 10 },
      http: { limits: { requestsPerClientMax: 10, requestsPerAddressMax: 10_000 } },
    });
    const [victim, other] = (await server.joinMany(2)) as [Participant, Participant];
    for (let guess = 0; guess < 30; guess += 1) {
      expectProblem(await victim.ask('POST', '/heartbeat', { token: other.clientToken }), 'CLIENT_TOKEN_INVALID');
      expectProblem(await victim.ask('POST', '/training', { token: `guess-${guess}` }), 'CLIENT_TOKEN_INVALID');
    }
    expect((await victim.beat()).state).toBe('standby');
    const { answered, refusal } = await until429(() => victim.ask('POST', '/heartbeat'), 20);
    expect(answered).toBe(9);
    expectComeBackLater(refusal);
    expectProblem(await victim.ask('POST', '/training'), 'RATE_LIMITED');
    expect((await other.beat()).state).toBe('standby');
  });

  it('does not grow with the ways an id can be written', async () => {
    const server = await TestServer.forTest({
      plan: { minClients: 10 },
      http: { limits: { requestsPerClientMax: 5 } },
    });
    const client = await server.join();
    const upper = () =>
      server.ask('POST', `/v1/clients/${client.clientId.toUpperCase()}/heartbeat`, { token: client.clientToken });
    const { answered } = await until429(() => upper(), 20);
    expect(answered).toBe(5);
    expectProblem(await client.ask('POST', '/heartbeat'), 'RATE_LIMITED');
  });

  it('is limited for each address where no client is named, guessing of tokens included', async () => {
    const limits = { requestsPerAddressMax: 20 };
    const server = await TestServer.forTest({ plan: { minClients: 10 }, http: { limits } });
    const client = await server.join();
    const { refusal } = await until429(() => server.ask('GET', '/v1/status'), 30);
    expectComeBackLater(refusal);
    const guessing = await until429(() => server.ask('POST', '/v1/runs', { token: 'guess', body: {} }), 30);
    expectComeBackLater(guessing.refusal);
    expectComeBackLater((await until429(() => server.ask('GET', '/nowhere'), 30)).refusal);
    expectComeBackLater((await until429(() => client.ask('POST', '/heartbeat', { token: 'guess' }), 30)).refusal);
    // Its own requests are its own.
    expect((await client.beat()).state).toBe('standby');

    const upload = () =>
      server.askAggregator('PUT', `/v1/rounds/1/updates/${client.clientId}`, { token: 'guess', body: updateOf([1]) });
    const uploads = await until429(upload, 30);
    expect(uploads.answered).toBe(20);
    expectComeBackLater(uploads.refusal);
    // Each on a connection of its own, so that the front door sees it.
    const download = () =>
      RawConnection.open(server.aggregatorUrl)
        .head(['GET /v1/rounds/1/model HTTP/1.1', `Authorization: Bearer ${crypto.randomUUID()}`])
        .answer();
    expectComeBackLater((await until429(download, 30)).refusal);
  });
});
