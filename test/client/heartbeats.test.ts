import { afterEach, describe, expect, it } from 'vitest';
import { SimulatedClock } from 'xstate';
import { Pace } from '../../src/client/pace.ts';
import { Participant } from './support/participant.ts';
import { closeAll, problem, run, ScriptedServer } from './support/scripted-server.ts';

afterEach(closeAll);

describe('heartbeats', () => {
  it('follow each other at once on a server that holds them', async () => {
    const server = await ScriptedServer.start();
    const client = new Participant(server);
    await server.until(() => server.of('heartbeat').length === 1);
    // Held for as long as it was asked to be, and answered without news.
    client.clock.increment(20_000);
    server.holds = false;
    server.select(1);
    await server.until(() => server.of('heartbeat').length === 2);
    expect(server.of('heartbeat')[0]?.json).toEqual({ state: 'standby', round: 0 });
  });

  it('keep to the pace of a server that does not hold them', async () => {
    const server = await ScriptedServer.start();
    server.holds = false;
    server.retryAfterMs = 3_000;
    const client = new Participant(server);
    await server.until(() => server.of('heartbeat').length === 1);
    for (let beats = 2; beats <= 4; beats += 1) {
      await client.pass(2_900);
      expect(server.of('heartbeat')).toHaveLength(beats - 1);
      await client.pass(100);
      await server.until(() => server.of('heartbeat').length === beats);
    }
  });

  it.each([0, Number.MAX_VALUE])(
    'do not turn hot, nor stop, when a server asks to be back in %s ms',
    async (retryAfterMs) => {
      const server = await ScriptedServer.start();
      server.holds = false;
      server.retryAfterMs = retryAfterMs;
      const client = new Participant(server);
      await server.until(() => server.of('heartbeat').length === 1);
      const passedMs = retryAfterMs === 0 ? 5_000 : 70_000;
      await client.pass(passedMs, passedMs / 100);
      await server.until(() => server.of('heartbeat').length >= 2);
      // As many as may come at once, and ten a second after that.
      expect(server.of('heartbeat').length).toBeLessThanOrEqual(60 + passedMs / 100);
    },
  );

  it('do not turn hot on a server that has news in every answer', async () => {
    const server = await ScriptedServer.start();
    let round = 0;
    server.always('heartbeat', () => {
      round += 1;
      return { status: 200, json: { state: 'training', run, round, retryAfterMs: 5_000 } };
    });
    server.always('training', 'hang');
    const client = new Participant(server);
    await server.until(() => server.of('heartbeat').length === 60);
    for (let step = 0; step < 20; step += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(server.of('heartbeat')).toHaveLength(60);
    await client.pass(1_000);
    await server.until(() => server.of('heartbeat').length > 60);
    expect(server.of('heartbeat').length).toBeLessThanOrEqual(70);
  });

  it('do not turn hot on a server that selects a client and then does not know of it', async () => {
    const server = await ScriptedServer.start();
    server.holds = false;
    server.standing = { state: 'selected', round: 1 };
    server.always('training', problem('CLIENT_NOT_SELECTED'));
    const client = new Participant(server);
    await server.until(() => server.of('training').length >= 1);
    await client.pass(20_000);
    expect(server.of('training').length).toBeLessThanOrEqual(6);
    expect(server.of('heartbeat').length).toBeLessThanOrEqual(8);
  });

  it('are sent without a hold when that is wanted', async () => {
    const server = await ScriptedServer.start();
    server.holds = false;
    new Participant(server, { waitSeconds: 0 });
    await server.until(() => server.of('heartbeat').length === 1);
    expect(server.of('heartbeat')[0]?.headers).not.toHaveProperty('prefer');
  });
});

it('a pace lets a burst through, and then one at a time', () => {
  const clock = new SimulatedClock();
  const pace = new Pace(clock, { burst: 3, everyMs: 100 });
  expect([1, 2, 3, 4, 5].map(() => pace.take())).toEqual([0, 0, 0, 100, 200]);
  clock.increment(200);
  expect(pace.take()).toBe(100);
  clock.increment(10_000);
  expect([1, 2, 3, 4].map(() => pace.take())).toEqual([0, 0, 0, 100]);
});
