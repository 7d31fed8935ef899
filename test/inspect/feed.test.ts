import { describe, expect, it } from 'vitest';
import { createActor, fromPromise, setup } from 'xstate';
import { createInspectFeed, type InspectTransition } from '../../src/inspect/feed.ts';
import { ovenMachine } from './machines.ts';

function startOven(options: Parameters<typeof createInspectFeed>[0] = {}) {
  const feed = createInspectFeed({ now: () => 1_000, ...options });
  const heard: InspectTransition[] = [];
  const oven = createActor(ovenMachine, { inspect: feed.inspect });
  return { feed, heard, oven, listen: () => feed.subscribe((transition) => heard.push(transition)) };
}

describe('the feed', () => {
  it('shows nothing before an actor has started', () => {
    const { feed } = startOven();
    expect(feed.current()).toEqual([]);
    expect(feed.recent()).toEqual([]);
  });

  it('names actors by their machine, and shows the latest snapshot', () => {
    const { feed, oven } = startOven();
    oven.start();
    oven.send({ type: 'heat' });
    expect(feed.current()).toEqual([
      {
        actor: 'oven',
        status: 'active',
        value: 'cold',
        active: ['oven', 'oven.cold'],
        context: { heat: 1, doorToken: '[redacted]' },
        guards: { hot: false },
        atMs: 1_000,
      },
    ]);
    expect(JSON.stringify([feed.current(), feed.recent()])).not.toContain('secret-door');
    expect(JSON.stringify([feed.current(), feed.recent()])).not.toContain(oven.sessionId);
  });

  it('tells each transition with its event and the edges taken', () => {
    const { heard, oven, listen } = startOven();
    listen();
    oven.start();
    oven.send({ type: 'heat' });
    oven.send({ type: 'stop' });
    expect(heard.map(({ event }) => (event as { type: string }).type)).toEqual(['xstate.init', 'heat', 'stop']);
    expect(heard.map(({ edges }) => edges)).toEqual([[], ['oven.cold/heat/3'], ['oven/stop/0']]);
    expect(heard.at(-1)).toMatchObject({ actor: 'oven', value: 'off', status: 'done', active: ['oven', 'oven.off'] });
    expect(heard.map(({ id }) => id)).toEqual([1, 2, 3]);
  });

  it('tells every edge of a transition that goes through several', () => {
    const { heard, oven, listen } = startOven();
    oven.start();
    listen();
    oven.send({ type: 'heat' });
    oven.send({ type: 'heat' });
    // The second is guarded, and raises an event that is handled in the same step.
    expect(heard.map(({ edges }) => edges)).toEqual([['oven.cold/heat/3'], ['oven.cold/heat/2', 'oven/peek/0']]);
    expect(heard.at(-1)?.guards).toEqual({ hot: true });
  });

  it('says nothing of an event that no state handles', () => {
    const { feed, heard, oven, listen } = startOven();
    oven.start();
    listen();
    oven.send({ type: 'unheard of' } as never);
    expect(heard).toEqual([]);
    expect(feed.recent()).toHaveLength(1);
  });

  it('keeps a bounded number of notes, the newest', () => {
    const { feed, oven } = startOven({ recentMax: 3 });
    oven.start();
    for (let times = 0; times < 10; times += 1) oven.send({ type: 'peek' });
    expect(feed.recent().map(({ id }) => id)).toEqual([9, 10, 11]);
  });

  it('holds no bytes that an event carried', async () => {
    const machine = setup({ actors: { load: fromPromise(async () => ({ bytes: new SharedArrayBuffer(1 << 20) })) } });
    const feed = createInspectFeed();
    const done = new Promise((resolve) => feed.subscribe(({ status }) => status === 'done' && resolve(null)));
    createActor(
      machine.createMachine({
        id: 'loader',
        initial: 'loading',
        states: { loading: { invoke: { id: 'load', src: 'load', onDone: 'loaded' } }, loaded: { type: 'final' } },
      }),
      { inspect: feed.inspect },
    ).start();
    await done;
    expect(feed.recent().at(-1)?.event).toMatchObject({ output: { bytes: '[SharedArrayBuffer, 1048576 bytes]' } });
  });

  it('shows the newest of several actors with one machine, and forgets the older', () => {
    const { feed, oven } = startOven();
    oven.start();
    const second = createActor(ovenMachine, { inspect: feed.inspect }).start();
    oven.send({ type: 'stop' });
    expect(feed.current().map(({ value }) => value)).toEqual(['cold']);
    second.send({ type: 'stop' });
    expect(feed.current().map(({ value }) => value)).toEqual(['off']);
  });

  it('shows machines that others invoke, and no promise or callback', () => {
    const feed = createInspectFeed();
    const parent = setup({ actors: { oven: ovenMachine, wait: fromPromise(() => new Promise(() => undefined)) } });
    createActor(
      parent.createMachine({
        id: 'kitchen',
        invoke: [
          { id: 'theOven', src: 'oven' },
          { id: 'wait', src: 'wait' },
        ],
      }),
      { inspect: feed.inspect },
    ).start();
    expect(feed.current().map(({ actor }) => actor)).toEqual(['kitchen', 'oven']);
  });

  it('drops a listener that throws, and disturbs neither the actor nor the others', () => {
    const { feed, heard, oven, listen } = startOven();
    let calls = 0;
    feed.subscribe(() => {
      calls += 1;
      throw new Error('gone');
    });
    listen();
    oven.start();
    oven.send({ type: 'heat' });
    expect(calls).toBe(1);
    expect(heard).toHaveLength(2);
    expect(oven.getSnapshot().context.heat).toBe(1);
  });

  it('ends a subscription when asked', () => {
    const { heard, oven, listen } = startOven();
    const stop = listen();
    oven.start();
    stop();
    oven.send({ type: 'heat' });
    expect(heard).toHaveLength(1);
  });
});
