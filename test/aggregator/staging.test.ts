import { describe, expect, it } from 'vitest';
import { SimulatedClock } from 'xstate';
import { Arenas } from '../../src/aggregator/arenas.ts';
import { bytesOf } from '../../src/aggregator/shared-memory.ts';
import { StagingBudget, StagingSlot } from '../../src/aggregator/staging.ts';
import { ChorusError } from '../../src/domain/errors.ts';

const never = new AbortController().signal;

function budgetOf(bytesMax: number) {
  const clock = new SimulatedClock();
  return { clock, budget: new StagingBudget(bytesMax, clock) };
}

describe('the staging budget', () => {
  it('lets uploads wait for memory and admits them in the order in which they came', async () => {
    const { budget } = budgetOf(100);
    const admitted: string[] = [];
    await budget.reserve(80, never);
    const waiting = [
      budget.reserve(60, never).then(() => admitted.push('large')),
      // It would fit now, but who came first comes first.
      budget.reserve(10, never).then(() => admitted.push('small')),
    ];
    expect(budget.waiting).toBe(2);
    expect(budget.tryReserve(1)).toBe(false);
    budget.release(80);
    await Promise.all(waiting);
    expect(admitted).toEqual(['large', 'small']);
    expect(budget.reservedBytes).toBe(70);
  });

  it('always has room for one upload, however large', async () => {
    const { budget } = budgetOf(10);
    await budget.reserve(1_000, never);
    expect(budget.reservedBytes).toBe(1_000);
    expect(budget.tryReserve(1)).toBe(false);
  });

  it('refuses who has waited too long, and lets those behind it go on', async () => {
    const { budget, clock } = budgetOf(100);
    await budget.reserve(50, never);
    const tooLarge = budget.reserve(80, never);
    const small = budget.reserve(50, never);
    clock.increment(19_999);
    expect(budget.waiting).toBe(2);
    clock.increment(1);
    await expect(tooLarge).rejects.toMatchObject({ code: 'STAGING_FULL', retryAfterMs: 1_000 });
    await small;
    expect(budget.reservedBytes).toBe(100);
  });

  it('forgets who is not wanted any more', async () => {
    const { budget } = budgetOf(100);
    await budget.reserve(100, never);
    const controller = new AbortController();
    const waiting = budget.reserve(50, controller.signal);
    controller.abort(new ChorusError('UPDATE_DISCARDED'));
    await expect(waiting).rejects.toMatchObject({ code: 'UPDATE_DISCARDED' });
    budget.release(100);
    expect(budget.reservedBytes).toBe(0);
    expect(budget.waiting).toBe(0);
  });

  it('refuses at once when too many wait', async () => {
    const { budget } = budgetOf(1);
    await budget.reserve(1, never);
    const waiting = Array.from({ length: 4_096 }, () => budget.reserve(1, never));
    await expect(budget.reserve(1, never)).rejects.toMatchObject({ code: 'STAGING_FULL' });
    budget.release(1);
    await waiting[0];
    expect(budget.waiting).toBe(4_095);
  });
});

describe('a staging slot', () => {
  const arenas = new Arenas({ kind: 'plain', arenaBytes: 0 });

  it('keeps what is written, of a length that is known or not', async () => {
    for (const contentLength of [200_000, null]) {
      const { budget } = budgetOf(2 ** 20);
      const slot = new StagingSlot(budget, arenas, contentLength, 300_000);
      await slot.open(never);
      const bytes = Uint8Array.from({ length: 200_000 }, (_, index) => index * 7);
      for (let at = 0; at < bytes.length; at += 33_333) slot.write(bytes.subarray(at, at + 33_333));
      expect(Buffer.from(bytesOf(slot.span, slot.length)).equals(Buffer.from(bytes))).toBe(true);
      slot.release();
      slot.release();
      expect(budget.reservedBytes).toBe(0);
    }
  });

  it('takes no more than it was told would come', async () => {
    const { budget } = budgetOf(2 ** 20);
    const slot = new StagingSlot(budget, arenas, 10, 100);
    await slot.open(never);
    expect(() => slot.write(new Uint8Array(11))).toThrow(expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE' }));
    expect(slot.rest(1_000).length).toBe(10);
    slot.filled(10);
    expect(slot.rest(1_000).length).toBe(0);
  });

  it('gives its turn back when it was given up while it waited', async () => {
    const { budget } = budgetOf(10);
    await budget.reserve(10, never);
    const controller = new AbortController();
    const slot = new StagingSlot(budget, arenas, 10, 10);
    const opening = slot.open(controller.signal);
    budget.release(10);
    controller.abort(new ChorusError('UPDATE_DISCARDED'));
    await expect(opening).rejects.toMatchObject({ code: 'UPDATE_DISCARDED' });
    expect(budget.reservedBytes).toBe(0);
  });
});
