import { describe, expect, it } from 'vitest';
import { SimulatedClock } from 'xstate';
import { childController, sleep, unlessAborted, within } from '../../src/client/timers.ts';
import { failureOf } from './support/participant.ts';

/** A signal that counts who listens to it, as one that lives for days would have to bear them. */
function countedSignal() {
  const aborter = new AbortController();
  const { signal } = aborter;
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners += 1;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners -= 1;
    remove(...args);
  };
  return { aborter, signal, listeners: () => listeners };
}

describe('a sleep', () => {
  it('passes in time, and lets go of the signal', async () => {
    const clock = new SimulatedClock();
    const { signal, listeners } = countedSignal();
    const sleeping = sleep(clock, 100, signal);
    expect(listeners()).toBe(1);
    clock.increment(100);
    await sleeping;
    expect(listeners()).toBe(0);
    await sleep(clock, 0, signal);
  });

  it('ends with the signal, before or while it lasts', async () => {
    const reason = new Error('enough');
    const { aborter, signal } = countedSignal();
    const sleeping = sleep(new SimulatedClock(), 100, signal);
    aborter.abort(reason);
    expect(await failureOf(sleeping)).toBe(reason);
    expect(await failureOf(sleep(new SimulatedClock(), 0, signal))).toBe(reason);
  });
});

describe('a bounded call', () => {
  it('lets go of the signal and the timer, however it ends', async () => {
    const clock = new SimulatedClock();
    const { signal, listeners } = countedSignal();
    expect(await within(clock, { msMax: 100, signal }, async () => 'done')).toBe('done');
    const failure = new Error('it failed');
    expect(await failureOf(within(clock, { msMax: 100, signal }, () => Promise.reject(failure)))).toBe(failure);
    expect(listeners()).toBe(0);
  });

  it('ends in time, even when what it calls does not heed its signal', async () => {
    const clock = new SimulatedClock();
    let seen: AbortSignal | undefined;
    const call = within(clock, { msMax: 100, signal: undefined }, (signal) => {
      seen = signal;
      return new Promise(() => {});
    });
    clock.increment(99);
    expect(seen?.aborted).toBe(false);
    clock.increment(1);
    expect(await failureOf(call)).toMatchObject({ name: 'TimedOut' });
    expect(seen?.aborted).toBe(true);
  });
});

it('what is not waited for any more may fail without harm', async () => {
  const aborter = new AbortController();
  let fail = (_: Error) => {};
  const late = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const waiting = unlessAborted(late, aborter.signal);
  aborter.abort(new Error('enough'));
  await failureOf(waiting);
  fail(new Error('nobody hears this'));
  await new Promise((resolve) => setImmediate(resolve));
});

it('a child is aborted with its parent, and not once it was released', () => {
  const { aborter, signal, listeners } = countedSignal();
  const child = childController(signal);
  const released = childController(signal);
  released.release();
  expect(listeners()).toBe(1);
  aborter.abort(new Error('enough'));
  expect(child.signal.reason).toBe(signal.reason);
  expect(released.signal.aborted).toBe(false);
  expect(childController(signal).signal.aborted).toBe(true);
});
