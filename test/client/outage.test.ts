import { afterEach, describe, expect, it } from 'vitest';
import { type ErrorCode, errorCatalogue } from '../../src/domain/errors.ts';
import { failureOf, Participant, update } from './support/participant.ts';
import {
  clientToken,
  closeAll,
  problem,
  type Reply,
  type Request,
  ScriptedServer,
  trainingToken,
} from './support/scripted-server.ts';

afterEach(closeAll);

describe('a server that is away', () => {
  it('is waited for before it is there', async () => {
    const server = await ScriptedServer.start();
    await server.close();
    const client = new Participant(server);
    expect(await client.saw('retrying', 3)).toMatchObject({ call: 'rendezvous', attempt: 3 });
    await server.listen();
    server.select(1);
    expect((await client.done).receipts).toHaveLength(1);
  });

  it('is ridden out while it restarts', async () => {
    const server = await ScriptedServer.start();
    const client = new Participant(server);
    await server.until(() => server.of('heartbeat').length === 1);
    await server.close();
    await client.saw('retrying', 5);
    await server.listen();
    server.select(1);
    expect((await client.done).receipts).toHaveLength(1);
    expect(client.of('reregistered')).toEqual([]);
  });

  it('is given up after a while, with the last failure as cause', async () => {
    const server = await ScriptedServer.start();
    const client = new Participant(server, { retry: { elapsedMsMax: 120_000 } });
    await server.until(() => server.of('heartbeat').length === 1);
    await server.close();
    const failure = await failureOf(client.done);
    expect(failure).toMatchObject({ name: 'ServerUnavailableError', cause: { name: 'ChorusNetworkError' } });
    expect(failure.message).toContain('ECONNREFUSED');
    expect(client.clock.now()).toBeGreaterThan(110_000);
    expect(client.clock.now()).toBeLessThanOrEqual(120_000);
  });

  it('for a moment costs nothing, whatever call it hits', async () => {
    const server = await ScriptedServer.start();
    server.select(1);
    for (const route of ['rendezvous', 'heartbeat', 'training', 'model', 'update'] as const) {
      server.next(
        route,
        'cut',
        problem('SHUTTING_DOWN', { 'retry-after': '5' }),
        problem('RATE_LIMITED', { 'retry-after': '2' }),
      );
    }
    const client = new Participant(server);
    expect((await client.done).receipts).toHaveLength(1);
    const retried = client.of('retrying');
    for (const call of ['rendezvous', 'heartbeat', 'training', 'download', 'upload']) {
      const delays = retried.filter((event) => event.call === call).map(({ delayMs }) => delayMs);
      expect(delays, call).toEqual([250, 5_250, 2_250]);
    }
  });

  it('that answers, but refuses the client for good, is not asked again', async () => {
    const server = await ScriptedServer.start();
    server.next('rendezvous', problem('REQUEST_INVALID'));
    const client = new Participant(server);
    expect(await failureOf(client.done)).toMatchObject({ name: 'ChorusHttpError', code: 'REQUEST_INVALID' });
    expect(server.requests).toHaveLength(1);
  });

  it('that is none of ours is not taken for one', async () => {
    const server = await ScriptedServer.start();
    server.always('rendezvous', { status: 200, bytes: new TextEncoder().encode('<html>Please sign in</html>') });
    const client = new Participant(server, { retry: { attemptsMax: 3 } });
    expect(await failureOf(client.done)).toMatchObject({
      name: 'ServerUnavailableError',
      cause: { kind: 'badAnswer' },
    });
    expect(server.requests).toHaveLength(3);
  });

  it('that opens no port for updates is given up with a clear reason', async () => {
    const server = await ScriptedServer.start();
    server.ticket = { aggregatorUrl: null };
    server.select(1);
    const client = new Participant(server);
    const failure = await failureOf(client.done);
    expect(failure).toMatchObject({ name: 'ServerUnavailableError', cause: { kind: 'noAggregator' } });
    expect(failure.message).toContain('names no aggregator for round 1');
    expect(client.clock.now()).toBeGreaterThanOrEqual(30_000);
    expect(client.clock.now()).toBeLessThan(60_000);
  });

  it('for updates alone costs rounds, and too many of them in a row end it', async () => {
    const server = await ScriptedServer.start();
    const away = await ScriptedServer.start();
    await away.close();
    const client = new Participant(server, { failedRoundsMax: 2, retry: { attemptsMax: 3 } });
    server.ticket = { aggregatorUrl: away.url };
    server.select(1);
    await client.saw('missed');
    await server.until(() => server.of('rendezvous').length === 2);
    server.select(2);
    expect(await failureOf(client.done)).toMatchObject({ name: 'ServerUnavailableError', attempts: 2 });
    expect(client.of('missed').map(({ round, inARow }) => [round, inARow])).toEqual([
      [1, 1],
      [2, 2],
    ]);
  });
});

describe('a server that forgot the client', () => {
  it.each(['heartbeat', 'training', 'model', 'update'] as const)(
    'is registered with again, heard in answer to %s',
    async (route) => {
      for (const code of ['CLIENT_UNKNOWN', 'CLIENT_TOKEN_INVALID'] as const) {
        const server = await ScriptedServer.start();
        server.select(1);
        server.next(route, problem(code));
        // Nor does it know the client by its old id, as after a restart.
        server.next(
          'rendezvous',
          {
            status: 201,
            json: { clientId: 'old', clientToken, heartbeatIntervalMs: 5_000, heartbeatTimeoutMs: 20_000 },
          },
          problem(code),
        );
        const client = new Participant(server);
        expect(await client.saw('reregistered')).toEqual({
          type: 'reregistered',
          clientId: 'client-1',
          previousClientId: 'old',
        });
        // Not held up by a heartbeat that the server still holds under the old id.
        await server.until(() => server.of('heartbeat').at(-1)?.path === '/v1/clients/client-1/heartbeat');
        server.select(2);
        const { receipts, clientId } = await client.done;
        expect(clientId).toBe('client-1');
        expect(receipts.at(-1)).toMatchObject({ clientId: 'client-1' });
        expect(server.of('rendezvous').map(({ json }) => json?.clientId)).toEqual([undefined, 'old', undefined]);
      }
    },
  );

  it('keeps the identity of a client that it only gave up', async () => {
    const server = await ScriptedServer.start();
    server.next('heartbeat', problem('CLIENT_UNKNOWN'));
    const client = new Participant(server);
    expect(await client.saw('reregistered')).toMatchObject({ clientId: 'client-1', previousClientId: 'client-1' });
    expect(server.of('rendezvous')).toHaveLength(2);
  });

  it('is registered with as somebody new when it takes no old id at all', async () => {
    const server = await ScriptedServer.start();
    server.next('heartbeat', problem('CLIENT_UNKNOWN'));
    const client = new Participant(server);
    await client.saw('registered');
    server.next('rendezvous', problem('REQUEST_INVALID'));
    expect(await client.saw('reregistered')).toMatchObject({ clientId: 'client-2', previousClientId: 'client-1' });
  });

  it('loses the training that goes on', async () => {
    const server = await ScriptedServer.start();
    server.select(1);
    let signal: AbortSignal | null = null;
    const client = new Participant(server, {
      train: async (task) => {
        if (task.round === 2) return update(2);
        signal = task.signal;
        return new Promise((_, reject) => task.signal.addEventListener('abort', () => reject(task.signal.reason)));
      },
    });
    await client.saw('downloaded');
    server.next('heartbeat', problem('CLIENT_UNKNOWN'));
    server.tell('training', 7);
    expect(await client.saw('roundOver')).toMatchObject({ reason: 'this client was registered anew' });
    expect(signal).toMatchObject({ aborted: true });
    server.select(2);
    expect((await client.done).receipts.map(({ round }) => round)).toEqual([2]);
  });

  it('again and again is registered with at a bounded rate, and then given up', async () => {
    const server = await ScriptedServer.start();
    server.always('heartbeat', problem('CLIENT_UNKNOWN'));
    const client = new Participant(server);
    await server.until(() => server.of('rendezvous').length === 4);
    const failure = failureOf(client.done);
    let isOver = false;
    void failure.then(() => {
      isOver = true;
    });
    while (!isOver) await client.pass(1_000, 1_000);
    expect(await failure).toMatchObject({ name: 'ServerUnavailableError', attempts: 10 });
    expect(server.of('rendezvous')).toHaveLength(11);
    // Three at once, and one every ten seconds.
    expect(client.clock.now()).toBeGreaterThanOrEqual(70_000);
  });

  it('now and then is not given up', async () => {
    const server = await ScriptedServer.start();
    let beats = 0;
    server.always('heartbeat', () => {
      beats += 1;
      if (beats % 2 === 1) return problem('CLIENT_UNKNOWN');
      return {
        status: 200,
        json: { state: beats < 24 ? 'standby' : 'finished', run: null, round: 0, retryAfterMs: 5_000 },
      };
    });
    const client = new Participant(server);
    let isOver = false;
    void client.done.finally(() => {
      isOver = true;
    });
    while (!isOver) await client.pass(1_000, 1_000);
    await client.done;
    expect(client.of('reregistered')).toHaveLength(12);
  });

  it('is heard to have forgotten it twice, and registered with once', async () => {
    const server = await ScriptedServer.start();
    server.select(1);
    server.next('update', async () => {
      server.next('heartbeat', problem('CLIENT_UNKNOWN'));
      server.tell('training', 7);
      await server.until(
        () => server.of('rendezvous').length === 2 && server.of('heartbeat').at(-1)?.json?.state === 'standby',
      );
      return problem('CLIENT_UNKNOWN');
    });
    const client = new Participant(server);
    await client.saw('roundOver');
    server.select(2);
    expect((await client.done).receipts.map(({ round }) => round)).toEqual([2]);
    expect(server.of('rendezvous')).toHaveLength(2);
  });

  it('is shown at once that the client is there, although a heartbeat is held under its old id', async () => {
    const server = await ScriptedServer.start();
    server.select(1);
    let forget = () => {};
    server.next('training', async () => {
      await new Promise<void>((resolve) => {
        forget = resolve;
      });
      return problem('CLIENT_UNKNOWN');
    });
    const client = new Participant(server);
    await server.until(() => server.of('training').length === 1);
    await client.pass(1_000);
    await server.until(() => server.of('heartbeat').length === 2);
    server.next('rendezvous', problem('CLIENT_UNKNOWN'));
    forget();
    await client.saw('reregistered');
    await server.until(() => server.of('heartbeat').at(-1)?.path === '/v1/clients/client-2/heartbeat');
  });
});

it('no token is in any event or error', async () => {
  const server = await ScriptedServer.start();
  server.roundsLeft = 5;
  server.select(1);
  // A server that quotes whatever it was sent.
  const echo =
    (code: ErrorCode) =>
    ({ headers }: Request): Reply => {
      const quoted = String(headers.authorization);
      return { status: errorCatalogue[code].status, json: { code, detail: quoted, remedy: quoted } };
    };
  server.next('heartbeat', 'cut', echo('SHUTTING_DOWN'));
  server.next('training', 'cut', echo('AGGREGATOR_UNAVAILABLE'));
  server.next('model', 'cut', echo('AGGREGATOR_UNAVAILABLE'));
  server.next('update', 'cut', echo('NOT_FINITE'));
  const client = new Participant(server);
  await client.saw('refused');
  await server.until(() => server.of('rendezvous').length === 2);
  server.always('heartbeat', echo('REQUEST_INVALID'));
  server.select(2);
  const failure = await failureOf(client.done);
  expect(failure.message).toContain('Bearer [token]');
  const withErrors = (_: string, value: unknown) =>
    value instanceof Error ? [String(value), String(value.cause)] : value;
  const all = [JSON.stringify(client.events, withErrors), failure.stack, String(failure.cause)].join('\n');
  for (const told of ['SHUTTING_DOWN', 'AGGREGATOR_UNAVAILABLE', 'NOT_FINITE', 'REQUEST_INVALID'])
    expect(all).toContain(told);
  expect(all).not.toContain(clientToken);
  expect(all).not.toContain(trainingToken);
});
