import { describe, expect, it } from 'vitest';
import type { ModelInfo } from '../../src/domain/model.ts';
import { createMemoryModelStore } from '../../src/storage/memory-model-store.ts';

const infoOf = (version: number): ModelInfo => ({
  version,
  run: 'a-run',
  round: version,
  sha256: '',
  bytes: 1,
  createdAtMs: 0,
  contributions: 1,
  numExamples: 1,
  metrics: {},
});
const never = new AbortController().signal;

describe('the store of models in memory', () => {
  it('keeps a bounded number of models, the newest, oldest first', async () => {
    const store = createMemoryModelStore();
    for (let version = 1; version <= 100; version += 1) {
      const bytes = new SharedArrayBuffer(1);
      new Uint8Array(bytes)[0] = version;
      await store.put(infoOf(version), bytes, never);
    }
    const versions = store.list().map(({ version }) => version);
    expect(versions).toEqual(Array.from({ length: 32 }, (_, index) => index + 69));
    expect([...((await store.open(100))?.bytes ?? [])]).toEqual([100]);
    expect(await store.open(68)).toBeNull();
  });

  it('keeps no more bytes than it may, but always the latest model', async () => {
    const store = createMemoryModelStore({ bytesKeptMax: 25 });
    for (let version = 1; version <= 4; version += 1) {
      await store.put(infoOf(version), new SharedArrayBuffer(10), never);
    }
    expect(store.list().map(({ version }) => version)).toEqual([3, 4]);
    await store.put(infoOf(5), new SharedArrayBuffer(100), never);
    expect(store.list().map(({ version }) => version)).toEqual([5]);
  });

  it('keeps a bounded number of bytes, and the latest however large', async () => {
    const store = createMemoryModelStore({ bytesKeptMax: 10 });
    const sizes = [4, 4, 4, 100, 4];
    const kept: number[][] = [];
    for (const [index, size] of sizes.entries()) {
      await store.put(infoOf(index + 1), new SharedArrayBuffer(size), never);
      kept.push(store.list().map(({ version }) => version));
    }
    expect(kept).toEqual([[1], [1, 2], [2, 3], [4], [5]]);
  });

  it('has nothing of a model that was given up before it was stored', async () => {
    const store = createMemoryModelStore();
    const put = store.put(infoOf(1), new SharedArrayBuffer(1), AbortSignal.abort(new Error('too late')));
    await expect(put).rejects.toThrow('too late');
    expect(store.list()).toEqual([]);
  });
});
