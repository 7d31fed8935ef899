import { expect, it } from 'vitest';
import { createCore } from '../../src/core.ts';
import type { Disk } from '../../src/storage/disk.ts';
import { TestChorus } from '../../src/testing/index.ts';
import { MemoryDisk } from '../history/support/memory-disk.ts';

/** A disk that knows how many of its files are open. */
function countingDisk() {
  const disk = new MemoryDisk().faceFor(new AbortController().signal);
  let open = 0;
  const counting: Disk = {
    ...disk,
    async open(path) {
      const file = await disk.open(path);
      open += 1;
      const close = async () => {
        await file.close();
        open -= 1;
      };
      return { ...file, close };
    },
  };
  return { disk: counting, opened: () => open };
}

it('closes what it had opened when it cannot be created, and another can be in the same folder', async () => {
  const { disk, opened } = countingDisk();
  const options = { storage: { disk }, aggregator: 'inline' } as const;
  await expect(createCore({ ...options, evaluator: '/nowhere/evaluator.mjs' })).rejects.toThrow('evaluator');
  expect(opened()).toBe(0);
  const test = await TestChorus.create({ ...options, plan: { minClients: 1 } });
  await test.join();
  expect(opened()).toBeGreaterThan(0);
  await test.chorus.close();
  expect(opened()).toBe(0);
});

it('leaves no timer behind when its run does not start', async () => {
  const { disk, opened } = countingDisk();
  const timers = new Set<unknown>();
  const clock = {
    now: () => Date.UTC(2030, 0, 1),
    setTimeout: (act: (...args: unknown[]) => void) => {
      timers.add(act);
      return act;
    },
    clearTimeout: (timer: unknown) => void timers.delete(timer),
  };
  const plan = { initialModel: 'latest' } as const;
  await expect(createCore({ plan, clock, storage: { disk }, aggregator: 'inline' })).rejects.toThrow('no model');
  expect([opened(), timers.size]).toEqual([0, 0]);
});
