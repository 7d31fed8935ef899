import { describe, expect, it } from 'vitest';
import type { UpdatePlace } from '../../../src/domain/facts.ts';
import type { AttemptKey, UpdateStore } from '../../../src/storage/update-store.ts';

export const attemptOf = (round: number, attempt = 1): AttemptKey => ({ run: 'a-run', round, attempt });

/** An update in shared memory, as it is staged. */
export const updateOf = (value: number, bytes = 10): Uint8Array<SharedArrayBuffer> =>
  new Uint8Array(new SharedArrayBuffer(bytes)).fill(value);

export async function readBack(store: UpdateStore, place: UpdatePlace): Promise<Buffer> {
  const into = new Uint8Array(new SharedArrayBuffer(place.bytes));
  await store.read(place, into);
  return Buffer.from(into.buffer);
}

/** What every store of updates does. @param place gives an empty one, that `open` opens again and again. */
export function describeUpdateStore(name: string, place: () => () => Promise<UpdateStore>): void {
  describe(`a store of updates: ${name}`, () => {
    it('gives back each update that was put, many at once, whatever their sizes', async () => {
      const store = await place()();
      await store.open(attemptOf(1));
      const updates = [updateOf(1), updateOf(2, 3), updateOf(3, 100_000), updateOf(4, 0), updateOf(5, 7)];
      const places = await Promise.all(updates.map((update) => store.put(update)));
      for (const [index, update] of updates.entries()) {
        const at = places[index] ?? { at: -1, bytes: -1 };
        expect(at.bytes).toBe(update.byteLength);
        expect((await readBack(store, at)).equals(Buffer.from(update.buffer))).toBe(true);
      }
      await store.close();
    });

    it('gives out places in the order of the puts, none over another', async () => {
      const store = await place()();
      await store.open(attemptOf(1));
      const places = await Promise.all([4, 2, 3].map((bytes) => store.put(updateOf(1, bytes))));
      expect(places).toEqual([
        { at: 0, bytes: 4 },
        { at: 4, bytes: 2 },
        { at: 6, bytes: 3 },
      ]);
      await store.close();
    });

    it('has what was put when the attempt is opened again, and puts on after it', async () => {
      const open = place();
      let store = await open();
      await store.open(attemptOf(1));
      const before = await store.put(updateOf(1));
      await store.close();
      store = await open();
      await store.open(attemptOf(1));
      const after = await store.put(updateOf(2));
      expect(after).toEqual({ at: 10, bytes: 10 });
      expect([(await readBack(store, before))[0], (await readBack(store, after))[0]]).toEqual([1, 2]);
      await store.open(attemptOf(1));
      expect((await readBack(store, after))[0]).toBe(2);
      await store.close();
    });

    it('has nothing of an attempt any more when another at the same round was opened', async () => {
      const store = await place()();
      await store.open(attemptOf(1));
      const at = await store.put(updateOf(1));
      await store.open(attemptOf(1, 2));
      await expect(store.read(at, new Uint8Array(10))).rejects.toThrow(/holds 0 of 10 bytes/);
      await store.open(attemptOf(1));
      await expect(store.read(at, new Uint8Array(10))).rejects.toThrow(/holds 0 of 10 bytes/);
      await store.close();
    });

    it('takes nothing while no attempt is open', async () => {
      const store = await place()();
      await expect(store.put(updateOf(1))).rejects.toThrow('No attempt is open');
      await store.open(attemptOf(1));
      const at = await store.put(updateOf(1));
      await store.end(false);
      await store.end(true);
      await expect(store.put(updateOf(1))).rejects.toThrow('No attempt is open');
      await expect(store.read(at, new Uint8Array(10))).rejects.toThrow('No attempt is open');
      await store.open(attemptOf(2));
      expect(await store.put(updateOf(2))).toEqual({ at: 0, bytes: 10 });
      await store.close();
      await store.close();
    });

    it('says when an update is not all there', async () => {
      const store = await place()();
      await store.open(attemptOf(1));
      await store.put(updateOf(1));
      await expect(store.read({ at: 5, bytes: 10 }, new Uint8Array(10))).rejects.toThrow(
        /1-1\.updates holds 5 of 10 bytes at 5/,
      );
      await store.close();
    });

    it('lets puts that are under way end before the attempt does', async () => {
      const store = await place()();
      await store.open(attemptOf(1));
      const puts = Promise.allSettled([1, 2, 3].map((value) => store.put(updateOf(value, 1_000_000))));
      await store.end(true);
      expect(await puts).toHaveLength(3);
      await store.close();
    });
  });
}
