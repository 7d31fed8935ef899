import { afterEach, describe, expect, it } from 'vitest';
import { SimulatedClock } from 'xstate';
import {
  ChorusClient,
  type ChorusClientOptions,
  type ClientTicket,
  decodeSafetensors,
  encodeSafetensors,
  type Fetch,
  tensor,
} from '../../src/client/index.ts';
import { failureOf, update } from './support/participant.ts';
import { clientToken, closeAll, problem, run, ScriptedServer, trainingToken } from './support/scripted-server.ts';

afterEach(closeAll);

async function registered(options: Partial<ChorusClientOptions> = {}) {
  const server = await ScriptedServer.start();
  const client = new ChorusClient({ url: server.url, ...options });
  await client.rendezvous();
  return { server, client };
}

async function selected(options: Partial<ChorusClientOptions> = {}) {
  const { server, client } = await registered(options);
  server.select();
  return { server, client, ticket: await client.startTraining() };
}

const everyCall: [string, (client: ChorusClient, ticket: ClientTicket) => Promise<unknown>][] = [
  ['rendezvous', (client) => client.rendezvous()],
  ['heartbeat', (client) => client.heartbeat()],
  ['training', (client) => client.startTraining()],
  ['model', (client, ticket) => client.downloadModel(ticket)],
  ['update', (client, ticket) => client.upload(ticket, update(1))],
  ['leave', (client) => client.leave()],
  ['status', (client) => client.status()],
];

describe('the calls', () => {
  it('registers with what it tells of itself, and later as who it was', async () => {
    const server = await ScriptedServer.start();
    const client = new ChorusClient({ url: `${server.url}/` });
    await client.rendezvous({ name: 'ward 7', attributes: { beds: 12 } });
    expect(client.identity).toEqual({ clientId: 'client-1', clientToken });
    await client.rendezvous();
    await client.rendezvous({ fresh: true });
    const [first, again, fresh] = server.of('rendezvous');
    expect(first?.json).toEqual({ name: 'ward 7', attributes: { beds: 12 } });
    expect(first?.headers.authorization).toBeUndefined();
    expect(again?.json).toEqual({ clientId: 'client-1' });
    expect(again?.headers.authorization).toBe(`Bearer ${clientToken}`);
    expect(fresh?.json).toEqual({});
    expect(client.identity?.clientId).toBe('client-2');
  });

  it('goes on as the client of an earlier process', async () => {
    const server = await ScriptedServer.start();
    const client = new ChorusClient({ url: server.url, identity: { clientId: 'mine', clientToken: 'my-token' } });
    await client.heartbeat();
    expect(server.requests[0]).toMatchObject({
      path: '/v1/clients/mine/heartbeat',
      headers: { authorization: 'Bearer my-token' },
    });
  });

  it('asks for a held heartbeat, and says what it knows', async () => {
    const { server, client } = await registered();
    server.select(4);
    const known = { state: 'standby', round: 3 } as const;
    expect(await client.heartbeat({ waitSeconds: 7, known })).toEqual({
      state: 'selected',
      run,
      round: 4,
      retryAfterMs: 5_000,
    });
    await client.heartbeat();
    const [held, plain] = server.of('heartbeat');
    expect(held).toMatchObject({ headers: { prefer: 'wait=7', 'content-type': 'application/json' }, json: known });
    expect(plain?.headers).not.toHaveProperty('prefer');
    expect(plain?.headers).not.toHaveProperty('content-type');
  });

  it('takes the model and brings the update to where the ticket says', async () => {
    const { server, client, ticket } = await selected();
    expect(ticket).toMatchObject({ clientId: 'client-1', round: 1, trainingToken, serverAheadMs: 0 });
    expect(await client.downloadModel(ticket)).toBeNull();
    server.next('model', { status: 200, bytes: encodeSafetensors({ w: tensor([1, 2]) }, { format: 'chorus' }) });
    const model = await client.downloadModel(ticket);
    expect(model?.tensors).toEqual({ w: tensor([1, 2]) });
    expect({ ...model?.metadata }).toEqual({ format: 'chorus' });
    const receipt = await client.upload(ticket, { ...update(3), metrics: { loss: 0.5 } });
    expect(receipt).toEqual({ round: 1, clientId: 'client-1', sha256: 'ab', numExamples: 1 });
    const [upload] = server.of('update');
    expect(upload).toMatchObject({
      method: 'PUT',
      path: '/v1/rounds/1/updates/client-1',
      headers: { authorization: `Bearer ${trainingToken}`, 'content-type': 'application/octet-stream' },
    });
    expect(upload?.headers['content-length']).toBe(String(upload?.body.byteLength));
    expect(decodeSafetensors(upload?.body ?? new Uint8Array()).tensors).toEqual({ w: tensor([3]) });
  });

  it('leaves, and is nobody then', async () => {
    const { server, client } = await registered();
    await client.leave();
    expect(server.of('leave')[0]).toMatchObject({ path: '/v1/clients/client-1' });
    expect(client.identity).toBeNull();
    await expect(client.heartbeat()).rejects.toThrow('call rendezvous first');
  });

  it('keeps a path before /v1, for servers behind a prefix', async () => {
    const server = await ScriptedServer.start();
    const client = new ChorusClient({ url: new URL(`${server.url}/chorus/`) });
    await failureOf(client.status());
    expect(server.requests[0]?.path).toBe('/chorus/v1/status');
  });
});

describe('a refusal', () => {
  it.each(everyCall)('of %s has the code, the reason and the remedy', async (route, call) => {
    const { server, client, ticket } = await selected();
    server.next(route as 'status', problem('REGISTRY_FULL', { 'retry-after': '7' }));
    expect(await failureOf(call(client, ticket))).toMatchObject({
      name: 'ChorusHttpError',
      status: 503,
      code: 'REGISTRY_FULL',
      detail: 'because of REGISTRY_FULL',
      remedy: 'Raise --clients-max, or try later.',
      retryAfterMs: 7_000,
    });
  });

  it('reads Retry-After as a date, by the server’s own clock where it shows it', async () => {
    const { server, client } = await registered({ clock: new SimulatedClock() });
    const date = (ms: number) => new Date(ms).toUTCString();
    server.next('status', problem('SHUTTING_DOWN', { 'retry-after': date(9_000) }));
    expect(await failureOf(client.status())).toMatchObject({ retryAfterMs: 9_000 });
    server.next('status', problem('SHUTTING_DOWN', { date: date(1_000_000), 'retry-after': date(1_009_000) }));
    expect(await failureOf(client.status())).toMatchObject({ retryAfterMs: 9_000 });
    server.next('status', problem('SHUTTING_DOWN', { date: date(1_000_000), 'retry-after': date(5_000) }));
    expect(await failureOf(client.status())).toMatchObject({ retryAfterMs: 0 });
    server.next('status', problem('SHUTTING_DOWN', { 'retry-after': 'soon' }));
    expect(await failureOf(client.status())).toMatchObject({ retryAfterMs: null });
  });

  it('makes do with a proxy’s page', async () => {
    const { server, client } = await registered();
    server.next('status', { status: 502, bytes: new TextEncoder().encode('<html>Bad Gateway</html>') });
    expect(await failureOf(client.status())).toMatchObject({ status: 502, code: 'HTTP_502', detail: 'Bad Gateway' });
  });

  it('follows no redirect, which would carry the token elsewhere', async () => {
    const { server, client } = await registered();
    const other = await ScriptedServer.start();
    server.next('heartbeat', { status: 307, headers: { location: `${other.url}/v1/clients/client-1/heartbeat` } });
    expect(await failureOf(client.heartbeat())).toMatchObject({ code: 'HTTP_REDIRECT', status: 307 });
    expect(other.requests).toEqual([]);
  });
});

describe('no usable answer', () => {
  it.each(everyCall)('to %s: a connection that is cut is a network error', async (route, call) => {
    const { server, client, ticket } = await selected();
    server.next(route as 'status', 'cut');
    expect(await failureOf(call(client, ticket))).toMatchObject({ name: 'ChorusNetworkError', kind: 'unreachable' });
  });

  it.each(everyCall)('to %s in time is a network error', async (route, call) => {
    const clock = new SimulatedClock();
    const { server, client, ticket } = await selected({ clock, callMsMax: 1_000, transferMsMax: 5_000 });
    server.next(route as 'status', 'hang');
    const before = server.of(route as 'status').length;
    const failure = failureOf(call(client, ticket));
    await server.until(() => server.of(route as 'status').length > before);
    clock.increment(5_000);
    expect(await failure).toMatchObject({ name: 'ChorusNetworkError', kind: 'timeout' });
  });

  it.each(everyCall)('to %s: it ends when it is told to, with that reason', async (route) => {
    const { server, client, ticket } = await selected();
    const aborter = new AbortController();
    const { signal } = aborter;
    server.always(route as 'status', () => {
      aborter.abort(new Error('enough'));
      return 'hang';
    });
    const calls: Record<string, () => Promise<unknown>> = {
      rendezvous: () => client.rendezvous({ signal }),
      heartbeat: () => client.heartbeat({ signal, waitSeconds: 20 }),
      training: () => client.startTraining({ signal }),
      model: () => client.downloadModel(ticket, { signal }),
      update: () => client.upload(ticket, update(1), { signal }),
      leave: () => client.leave({ signal }),
      status: () => client.status({ signal }),
    };
    expect(await failureOf(calls[route]?.() ?? Promise.resolve())).toBe(signal.reason);
  });

  it('gives a held heartbeat its hold on top of the time for an answer', async () => {
    const clock = new SimulatedClock();
    const { server, client } = await registered({ clock, callMsMax: 1_000 });
    server.next('heartbeat', 'hang');
    let isOver = false;
    const failure = failureOf(client.heartbeat({ waitSeconds: 20 })).finally(() => {
      isOver = true;
    });
    await server.until(() => server.of('heartbeat').length > 0);
    clock.increment(20_999);
    await new Promise((resolve) => setImmediate(resolve));
    expect(isOver).toBe(false);
    clock.increment(1);
    expect(await failure).toMatchObject({ kind: 'timeout' });
  });

  it('comes from a refused connection, and the message says so', async () => {
    const { server, client } = await registered();
    await server.close();
    const failure = await failureOf(client.status());
    expect(failure).toMatchObject({ kind: 'unreachable' });
    expect(failure.message).toContain('ECONNREFUSED');
  });

  it('comes from something that is no Chorus server', async () => {
    const { server, client, ticket } = await selected();
    const page = { status: 200, bytes: new TextEncoder().encode('<html>Please sign in</html>') };
    server.next('status', page);
    expect(await failureOf(client.status())).toMatchObject({ kind: 'badAnswer' });
    for (const json of [null, 'yes', [], {}, { state: 'asleep', run, round: 1, retryAfterMs: 1 }]) {
      server.next('heartbeat', { status: 200, json });
      expect(await failureOf(client.heartbeat())).toMatchObject({ kind: 'badAnswer' });
    }
    server.next('model', page);
    expect(await failureOf(client.downloadModel(ticket))).toMatchObject({ kind: 'badAnswer' });
    server.next('update', { status: 200, json: { verdict: 'maybe' } });
    expect(await failureOf(client.upload(ticket, update(1)))).toMatchObject({ kind: 'badAnswer' });
    // A token that no header can hold would be quoted in the platform's own error.
    server.next('rendezvous', {
      status: 201,
      json: { clientId: 'a', clientToken: 'a\nb', heartbeatIntervalMs: 1, heartbeatTimeoutMs: 1 },
    });
    expect(await failureOf(client.rendezvous())).toMatchObject({ kind: 'badAnswer' });
  });

  it('comes from a coordinator that names no aggregator, or none that is a URL', async () => {
    const { client, ticket } = await selected();
    const without = await failureOf(client.downloadModel({ ...ticket, aggregatorUrl: null }));
    expect(without).toMatchObject({ name: 'ChorusNetworkError', kind: 'noAggregator' });
    expect(without.message).toContain('names no aggregator for round 1');
    expect(await failureOf(client.upload({ ...ticket, aggregatorUrl: 'nowhere' }, update(1)))).toMatchObject({
      kind: 'badAnswer',
    });
  });
});

describe('secrets', () => {
  it('are taken out of what a server quotes', async () => {
    const { server, client } = await registered();
    server.next('heartbeat', {
      status: 401,
      json: { code: 'CLIENT_TOKEN_INVALID', detail: `${clientToken} is wrong` },
    });
    const failure = await failureOf(client.heartbeat());
    expect(failure.message).toContain('[token] is wrong');
    expect(JSON.stringify({ ...failure, message: failure.message })).not.toContain(clientToken);
  });

  it('do not go to the aggregator, nor to anybody unasked', async () => {
    const { server, client, ticket } = await selected();
    const elsewhere = await ScriptedServer.start();
    await client.downloadModel({ ...ticket, aggregatorUrl: elsewhere.url });
    await client.status();
    expect(elsewhere.requests.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${trainingToken}`]);
    expect(server.of('status')[0]?.headers.authorization).toBeUndefined();
  });

  it('have no place in a URL', () => {
    const failure = (url: string) => {
      try {
        new ChorusClient({ url });
      } catch (error) {
        return String(error);
      }
      return 'none';
    };
    expect(failure('http://user:pass-word@127.0.0.1')).toContain('user name or password');
    expect(failure('http://user:pass-word@127.0.0.1')).not.toContain('pass-word');
    expect(failure('ftp://127.0.0.1')).toContain('no http or https URL');
    expect(failure('127.0.0.1:8081')).toContain('TypeError');
  });
});

it('finds out how far the server’s clock is ahead', async () => {
  const clock = new SimulatedClock();
  clock.set(1_000_000);
  const { server, client } = await registered({ clock });
  server.select();
  const ticket = {
    run,
    round: 1,
    aggregatorUrl: null,
    trainingToken,
    modelVersion: null,
    hyperparameters: {},
    deadlineAtMs: 0,
  };
  const at = (ms: number) =>
    server.next('training', { status: 200, json: ticket, headers: { date: new Date(ms).toUTCString() } });
  at(1_600_000);
  expect((await client.startTraining()).serverAheadMs).toBe(600_000);
  at(1_003_000);
  expect((await client.startTraining()).serverAheadMs).toBe(0);
});

it('uses the fetch it is given', async () => {
  const asked: string[] = [];
  const fetch: Fetch = async (url, init) => {
    asked.push(`${init.method} ${url}`);
    return Response.json({ phase: 'idle' });
  };
  const client = new ChorusClient({ url: 'https://chorus.example/fl', fetch });
  expect(await client.status()).toEqual({ phase: 'idle' });
  expect(asked).toEqual(['GET https://chorus.example/fl/v1/status']);
});
