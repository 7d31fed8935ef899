import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ModelStore } from '../../../src/storage/model-store.ts';

export function modelOf(...values: number[]): SharedArrayBuffer {
  const bytes = new SharedArrayBuffer(values.length);
  new Uint8Array(bytes).set(values);
  return bytes;
}

export const sha256Of = (bytes: SharedArrayBuffer): string =>
  createHash('sha256').update(Buffer.from(bytes)).digest('hex');

export const put = (store: ModelStore, bytes: SharedArrayBuffer): Promise<void> => store.put(sha256Of(bytes), bytes);

/** What every store of models does. @param open gives an empty one. */
export function describeModelStore(name: string, open: () => Promise<ModelStore>): void {
  describe(`a store of models: ${name}`, () => {
    it('gives back what was put, in shared memory', async () => {
      const store = await open();
      const models = [modelOf(1, 2, 3), modelOf(4, 5), modelOf()];
      for (const model of models) await put(store, model);
      for (const model of models) {
        expect(store.has(sha256Of(model))).toBe(true);
        const bytes = await store.open(sha256Of(model));
        expect([...(bytes ?? [])]).toEqual([...new Uint8Array(model)]);
        expect(bytes?.buffer).toBeInstanceOf(SharedArrayBuffer);
        expect(bytes?.byteLength).toBe(bytes?.buffer.byteLength);
      }
    });

    it('has nothing that was not put', async () => {
      const store = await open();
      const sha256 = sha256Of(modelOf(1));
      expect(store.has(sha256)).toBe(false);
      expect(await store.open(sha256)).toBeNull();
    });

    it('takes the same model again and again, also at once', async () => {
      const store = await open();
      await Promise.all([put(store, modelOf(1)), put(store, modelOf(1)), put(store, modelOf(2))]);
      await put(store, modelOf(1));
      expect([...((await store.open(sha256Of(modelOf(1)))) ?? [])]).toEqual([1]);
    });

    it('shares the bytes of one model among all who read it', async () => {
      const store = await open();
      await put(store, modelOf(1));
      const read = await Promise.all(Array.from({ length: 50 }, () => store.open(sha256Of(modelOf(1)))));
      expect(new Set(read.map((bytes) => bytes?.buffer)).size).toBe(1);
    });
  });
}
