import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Lifetime, watchLifetime } from '../../src/cli/server/lifetime.ts';

/** Stands for the process: it can be sent signals, and its exit is only noted. */
class NotedProcess extends EventEmitter {
  readonly exits: number[] = [];
  exit(code?: number | string | null): never {
    this.exits.push(Number(code));
    return undefined as never;
  }
}

describe('the life of a server', () => {
  let noted: NotedProcess;
  let nowMs: number;
  let told: unknown[];
  let finishClosing: () => void;
  let closings: number;
  beforeEach(() => {
    vi.useFakeTimers();
    noted = new NotedProcess();
    nowMs = 0;
    told = [];
    closings = 0;
  });
  afterEach(() => vi.useRealTimers());

  const watch = (more: Partial<Lifetime> = {}) =>
    watchLifetime({
      process: noted as unknown as Lifetime['process'],
      now: () => nowMs,
      close: () => {
        closings += 1;
        return new Promise((resolve) => {
          finishClosing = resolve;
        });
      },
      graceMs: 1_000,
      onEnd: (cause) => told.push(cause),
      onCloseFailed: (error) => told.push(error),
      ...more,
    });
  const settle = () => vi.advanceTimersByTimeAsync(0);

  it('ends with 0 once a signal came and all is closed, not before', async () => {
    watch();
    noted.emit('SIGINT', 'SIGINT');
    await settle();
    expect(told).toEqual([{ signal: 'SIGINT' }]);
    expect(noted.exits).toEqual([]);
    finishClosing();
    await settle();
    expect(noted.exits).toEqual([0]);
    expect(closings).toBe(1);
  });

  it('ends at once with 130 on a second Ctrl-C', async () => {
    watch();
    noted.emit('SIGINT', 'SIGINT');
    nowMs = 600;
    noted.emit('SIGINT', 'SIGINT');
    expect(noted.exits).toEqual([130]);
  });

  it('takes a signal that npm hands on for the same one', async () => {
    watch();
    noted.emit('SIGINT', 'SIGINT');
    nowMs = 100;
    noted.emit('SIGINT', 'SIGINT');
    noted.emit('SIGTERM', 'SIGTERM');
    expect(noted.exits).toEqual([]);
    expect(closings).toBe(1);
  });

  it('closes and ends with 1 after an error that nobody caught', async () => {
    watch();
    const error = new Error('unforeseen');
    noted.emit('uncaughtException', error);
    noted.emit('unhandledRejection', 'and another');
    finishClosing();
    await settle();
    expect(told).toEqual([{ error }, { error: 'and another' }]);
    expect(noted.exits).toEqual([1]);
    expect(closings).toBe(1);
  });

  it('does not wait for ever for what will not close', async () => {
    watch();
    noted.emit('SIGTERM', 'SIGTERM');
    await vi.advanceTimersByTimeAsync(10_999);
    expect(noted.exits).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(noted.exits).toEqual([1]);
    expect(String(told[1])).toContain('Closing took longer than 11000 ms');
  });

  it('ends with 1 when closing fails, and says why', async () => {
    const reason = new Error('disk gone');
    watch({ close: () => Promise.reject(reason) });
    noted.emit('SIGINT', 'SIGINT');
    await settle();
    expect(noted.exits).toEqual([1]);
    expect(told[1]).toBe(reason);
  });

  it('closes and ends with 1 when the disk fails, once, however often it is told', async () => {
    const lifetime = watch();
    const error = new Error('EIO');
    lifetime.diskFailed(error);
    lifetime.diskFailed(new Error('EIO again'));
    expect(noted.exits).toEqual([]);
    finishClosing();
    await settle();
    expect(told).toEqual([{ disk: error }]);
    expect(noted.exits).toEqual([1]);
    expect(closings).toBe(1);
  });

  it('leaves the process alone when it is told to', () => {
    watch().unwatch();
    expect(noted.eventNames()).toEqual([]);
  });
});
