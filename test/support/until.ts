import { vi } from 'vitest';

/** Longest wait for what takes no time by itself, ms: machines that run tests can be slow, and so can their disks. */
export const patienceMs = 20_000;

/** Waits until a check throws no more. */
export const until = <T>(check: () => T | Promise<T>): Promise<T> =>
  vi.waitFor(check, { timeout: patienceMs, interval: 5 });
