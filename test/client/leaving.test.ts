import { afterEach, describe, expect, it } from 'vitest';
import { participate } from '../../src/client/index.ts';
import { failureOf, Participant, update } from './support/participant.ts';
import { closeAll, ScriptedServer } from './support/scripted-server.ts';

afterEach(closeAll);

const reason = new Error('enough for today');

describe('told to stop', () => {
  it('the client leaves, and the promise rejects with the reason', async () => {
    const server = await ScriptedServer.start();
    const client = new Participant(server);
    await server.until(() => server.of('heartbeat').length === 1);
    client.aborter.abort(reason);
    expect(await failureOf(client.done)).toBe(reason);
    expect(server.requests.map(({ route }) => route)).toEqual(['rendezvous', 'heartbeat', 'leave']);
  });

  it('training is aborted, and not waited for', async () => {
    const server = await ScriptedServer.start();
    server.select(1);
    let signal: AbortSignal | undefined;
    const client = new Participant(server, {
      train: (task) => {
        signal = task.signal;
        return new Promise(() => {});
      },
    });
    await client.saw('downloaded');
    client.aborter.abort(reason);
    expect(await failureOf(client.done)).toBe(reason);
    expect(signal?.reason).toBe(reason);
    expect(client.of('trainFailed')).toEqual([]);
    expect(server.of('leave')).toHaveLength(1);
  });

  it('an upload is cut off', async () => {
    const server = await ScriptedServer.start();
    server.select(1);
    server.next('update', 'hang');
    const client = new Participant(server);
    await server.until(() => server.of('update').length === 1);
    client.aborter.abort(reason);
    expect(await failureOf(client.done)).toBe(reason);
    await server.of('update')[0]?.gone;
  });

  it('a wait before a retry ends', async () => {
    const server = await ScriptedServer.start();
    await server.close();
    const aborter = new AbortController();
    const failure = failureOf(
      participate({
        url: server.url,
        train: () => update(1),
        signal: aborter.signal,
        onProgress: ({ type }) => type === 'retrying' && aborter.abort(reason),
      }),
    );
    expect(await failure).toBe(reason);
  });

  it('before it began, nothing is sent', async () => {
    const server = await ScriptedServer.start();
    for (const untilFinished of [true, false]) {
      const { done } = new Participant(server, { signal: AbortSignal.abort(reason), untilFinished });
      expect(await failureOf(done)).toBe(reason);
    }
    expect(server.requests).toEqual([]);
  });

  it('as is meant, in a participation without end, it resolves with what came of it', async () => {
    const server = await ScriptedServer.start();
    server.roundsLeft = 1;
    server.select(1);
    const client = new Participant(server, { untilFinished: false });
    await client.saw('finished');
    client.aborter.abort(reason);
    expect(await client.done).toMatchObject({ clientId: 'client-1', receipts: [{ round: 1 }, { round: 2 }] });
  });

  it('a server that does not answer does not keep it', async () => {
    const server = await ScriptedServer.start();
    server.always('leave', 'hang');
    const client = new Participant(server);
    await server.until(() => server.of('heartbeat').length === 1);
    client.aborter.abort(reason);
    await server.until(() => server.of('leave').length === 1);
    client.clock.increment(3_000);
    expect(await failureOf(client.done)).toBe(reason);
  });

  it('nothing of it is left: no timer, no listener on the signal, no request', async () => {
    const server = await ScriptedServer.start();
    server.select(1);
    const aborter = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = aborter.signal;
    aborter.signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners += 1;
      addEventListener.apply(aborter.signal, args);
    };
    aborter.signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners -= 1;
      removeEventListener.apply(aborter.signal, args);
    };
    const timers = new Set<unknown>();
    const clock = {
      now: () => Date.now(),
      setTimeout: (callback: () => void, delayMs: number) => {
        const timer = setTimeout(() => {
          timers.delete(timer);
          callback();
        }, delayMs);
        timers.add(timer);
        return timer;
      },
      clearTimeout: (timer: unknown) => {
        timers.delete(timer);
        clearTimeout(timer as NodeJS.Timeout);
      },
    };
    server.ticket = { deadlineAtMs: Date.now() + 60_000 };
    const { receipts } = await participate({ url: server.url, train: () => update(1), signal: aborter.signal, clock });
    expect(receipts).toHaveLength(1);
    expect(timers.size).toBe(0);
    expect(listeners).toBe(0);
    const requests = server.requests.length;
    await Promise.all(server.requests.map(({ gone }) => gone));
    expect(server.requests).toHaveLength(requests);
  });
});
