import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ModelInfo } from '../../src/domain/model.ts';
import { openFileModelStore } from '../../src/storage/file-model-store.ts';

const never = new AbortController().signal;

/** A folder that is gone when the test is over. */
function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'chorus-test-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function modelOf(...values: number[]): SharedArrayBuffer {
  const bytes = new SharedArrayBuffer(values.length);
  new Uint8Array(bytes).set(values);
  return bytes;
}

const infoOf = (version: number, bytes: SharedArrayBuffer): ModelInfo => ({
  version,
  run: 'a-run',
  round: version,
  sha256: createHash('sha256').update(Buffer.from(bytes)).digest('hex'),
  bytes: bytes.byteLength,
  createdAtMs: 1_600_000_000_000,
  contributions: 3,
  numExamples: 60,
  metrics: { loss: 0.25 },
});

async function storeWith(dir: string, ...models: SharedArrayBuffer[]) {
  const store = await openFileModelStore(dir);
  for (const [index, bytes] of models.entries()) await store.put(infoOf(index + 1, bytes), bytes, never);
  return store;
}

describe('the store of models in files', () => {
  it('gives back what was put, with all that is known of it, also after it was opened again', async () => {
    const dir = folder();
    const models = [modelOf(1, 2, 3), modelOf(4, 5), modelOf()];
    const stores = [await storeWith(dir, ...models), await openFileModelStore(dir)];
    for (const store of stores) {
      expect(store.list()).toEqual(models.map((bytes, index) => infoOf(index + 1, bytes)));
      for (const [index, bytes] of models.entries()) {
        const opened = await store.open(index + 1);
        expect(opened?.info).toEqual(infoOf(index + 1, bytes));
        expect([...(opened?.bytes ?? [])]).toEqual([...new Uint8Array(bytes)]);
        expect(opened?.bytes.buffer).toBeInstanceOf(SharedArrayBuffer);
      }
      expect(await store.open(4)).toBeNull();
      expect(await store.open(0)).toBeNull();
    }
  });

  it('shares the bytes of one model among all who read it at a time, and keeps only few in memory', async () => {
    const dir = folder();
    await storeWith(dir, ...Array.from({ length: 7 }, (_, version) => modelOf(version)));
    const store = await openFileModelStore(dir);
    const readers = await Promise.all(Array.from({ length: 50 }, () => store.open(2)));
    expect(new Set(readers.map((reader) => reader?.bytes.buffer)).size).toBe(1);
    const latest = (await store.open(7))?.bytes.buffer;
    for (const version of [1, 3, 4, 5, 6]) await store.open(version);
    expect((await store.open(2))?.bytes.buffer).not.toBe(readers[0]?.bytes.buffer);
    expect((await store.open(7))?.bytes.buffer).toBe(latest);
  });

  it('keeps versions in their order, whatever the order of the files', async () => {
    const dir = folder();
    await storeWith(dir, ...Array.from({ length: 12 }, (_, index) => modelOf(index)));
    const store = await openFileModelStore(dir);
    expect(store.list().map(({ version }) => version)).toEqual(Array.from({ length: 12 }, (_, index) => index + 1));
  });

  it('has nothing of a model that was given up before it was stored', async () => {
    const dir = folder();
    const store = await storeWith(dir, modelOf(1));
    const bytes = modelOf(2);
    const givenUp = AbortSignal.abort(new Error('too late'));
    await expect(store.put(infoOf(2, bytes), bytes, givenUp)).rejects.toThrow('too late');
    expect(store.list()).toHaveLength(1);
    expect((await openFileModelStore(dir)).list()).toHaveLength(1);
    await store.put(infoOf(2, bytes), bytes, never);
    expect(store.list()).toHaveLength(2);
  });

  it('has nothing of a model whose storing was cut off, and clears away what is left of it', async () => {
    const dir = folder();
    await storeWith(dir, modelOf(1, 2, 3));
    const models = join(dir, 'models');
    // A crash between any two steps of storing version 2.
    writeFileSync(join(models, '00000002.safetensors.tmp'), 'half');
    writeFileSync(join(models, '00000002.json.tmp'), '{"half');
    writeFileSync(join(models, '00000003.safetensors'), 'whole, but without a description');
    const store = await openFileModelStore(dir);
    expect(store.list().map(({ version }) => version)).toEqual([1]);
    expect(readdirSync(models).filter((file) => file.endsWith('.tmp'))).toEqual([]);
    expect(await store.open(2)).toBeNull();
    expect(await store.open(3)).toBeNull();
    await store.put(infoOf(2, modelOf(7)), modelOf(7), never);
    await store.put(infoOf(3, modelOf(8)), modelOf(8), never);
    const again = await openFileModelStore(dir);
    expect([...((await again.open(3))?.bytes ?? [])]).toEqual([8]);
  });

  it.each([
    ['other bytes', (bytes: Buffer) => Buffer.from(bytes.map((byte) => byte ^ 1))],
    ['fewer bytes', (bytes: Buffer) => bytes.subarray(0, -1)],
    ['more bytes', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from([0])])],
    ['no bytes', () => Buffer.alloc(0)],
  ])('never gives out a file that is damaged: %s', async (_, damage) => {
    const dir = folder();
    await storeWith(dir, modelOf(1, 2, 3), modelOf(4));
    const file = join(dir, 'models', '00000001.safetensors');
    writeFileSync(file, damage(readFileSync(file)));
    const store = await openFileModelStore(dir);
    await expect(store.open(1)).rejects.toThrow(/00000001\.safetensors is damaged/);
    expect([...((await store.open(2))?.bytes ?? [])]).toEqual([4]);
  });

  it('says which file is missing', async () => {
    const dir = folder();
    await storeWith(dir, modelOf(1));
    rmSync(join(dir, 'models', '00000001.safetensors'));
    const store = await openFileModelStore(dir);
    await expect(store.open(1)).rejects.toThrow(/00000001\.safetensors/);
  });

  it.each([
    ['a format that it does not know', '{"format":2,"version":1}', /format 2/],
    ['a description without a format', '{"version":1}', /format undefined/],
    ['a description that is no JSON', '{"format":1,', /00000001\.json/],
    ['a description that is no object', 'null', /00000001\.json/],
  ])('is not opened over %s, and says which file it is', async (_, text, message) => {
    const dir = folder();
    await storeWith(dir, modelOf(1));
    writeFileSync(join(dir, 'models', '00000001.json'), text);
    await expect(openFileModelStore(dir)).rejects.toThrow(message);
    await expect(openFileModelStore(dir)).rejects.toThrow(/00000001\.json/);
    expect(readFileSync(join(dir, 'models', '00000001.json'), 'utf8')).toBe(text);
  });

  it('is readable by its owner alone', async () => {
    const dir = folder();
    await storeWith(dir, modelOf(1));
    for (const file of readdirSync(join(dir, 'models'))) {
      expect(statSync(join(dir, 'models', file)).mode & 0o077).toBe(0);
    }
  });
});
