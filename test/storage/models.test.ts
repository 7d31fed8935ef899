import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openFileModelStore } from '../../src/storage/file-model-store.ts';
import { createMemoryModelStore } from '../../src/storage/memory-model-store.ts';
import { openNodeDisk } from '../../src/storage/node-disk.ts';
import { MemoryDisk } from '../history/support/memory-disk.ts';
import { folderForTest } from '../support/folder.ts';
import { faultyDisk, killedDisk, systemError } from './support/faulty-disk.ts';
import { describeModelStore, modelOf, put, sha256Of } from './support/model-suite.ts';
import { places } from './support/places.ts';
import { PowerDisk } from './support/power-disk.ts';

describeModelStore('in memory', async () => createMemoryModelStore());
for (const [name, disk] of places) describeModelStore(name, () => openFileModelStore(disk()));

describe('the store of models in memory', () => {
  it('keeps a bounded number of models, those stored last', async () => {
    const store = createMemoryModelStore();
    const models = Array.from({ length: 100 }, (_, value) => modelOf(value));
    for (const model of models) await put(store, model);
    expect(models.map((model) => store.has(sha256Of(model)))).toEqual(models.map((_, index) => index >= 68));
  });

  it('keeps a bounded number of bytes, and the newest however large', async () => {
    const store = createMemoryModelStore({ bytesKeptMax: 10 });
    const models = [4, 4, 4, 100, 4].map((size, index) => modelOf(...Array.from({ length: size }, () => index)));
    const kept: number[][] = [];
    for (const model of models) {
      await put(store, model);
      kept.push(models.flatMap((each, index) => (store.has(sha256Of(each)) ? [index + 1] : [])));
    }
    expect(kept).toEqual([[1], [1, 2], [2, 3], [4], [5]]);
  });

  it('counts a model that is put again as the newest', async () => {
    const store = createMemoryModelStore({ bytesKeptMax: 2 });
    for (const value of [1, 2, 1, 3]) await put(store, modelOf(value));
    expect([1, 2, 3].map((value) => store.has(sha256Of(modelOf(value))))).toEqual([true, false, true]);
  });
});

describe('the store of models in files', () => {
  it('has every model when it is opened again, and each is one file that is named by its SHA-256', async () => {
    const dir = folderForTest();
    await put(await openFileModelStore(openNodeDisk(dir)), modelOf(1, 2, 3));
    expect(readdirSync(join(dir, 'models'))).toEqual([`${sha256Of(modelOf(1, 2, 3))}.safetensors`]);
    const store = await openFileModelStore(openNodeDisk(dir));
    expect(store.has(sha256Of(modelOf(1, 2, 3)))).toBe(true);
    const bytes = await store.open(sha256Of(modelOf(1, 2, 3)));
    expect([...(bytes ?? [])]).toEqual([1, 2, 3]);
    expect(bytes?.buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  it('lets others have their turn while it checks a large model', async () => {
    const bytes = new Uint8Array(4 * 2 ** 22);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const disk = new MemoryDisk(new Map([[`models/${sha256}.safetensors`, Buffer.from(bytes)]]));
    const store = await openFileModelStore(disk.faceFor(new AbortController().signal));
    let turns = 0;
    const countTurn = () => {
      turns += 1;
      turning = setImmediate(countTurn);
    };
    let turning = setImmediate(countTurn);
    expect((await store.open(sha256))?.byteLength).toBe(bytes.byteLength);
    clearImmediate(turning);
    expect(turns).toBeGreaterThanOrEqual(3);
  });

  it('keeps only few models in memory, the one stored last among them', async () => {
    const store = await openFileModelStore(openNodeDisk(folderForTest()));
    for (let value = 1; value <= 7; value += 1) await put(store, modelOf(value));
    const open = async (value: number) => (await store.open(sha256Of(modelOf(value))))?.buffer;
    const [second, last] = [await open(2), await open(7)];
    for (const value of [1, 3, 4, 5, 6]) await open(value);
    expect(await open(2)).not.toBe(second);
    expect(await open(7)).toBe(last);
  });

  it.each([
    ['other bytes', (bytes: Buffer) => Buffer.from(bytes.map((byte) => byte ^ 1))],
    ['fewer bytes', (bytes: Buffer) => bytes.subarray(0, -1)],
    ['more bytes', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from([0])])],
    ['no bytes', () => Buffer.alloc(0)],
  ])('never gives out a file that is damaged, and says which it is: %s', async (_, damage) => {
    const dir = folderForTest();
    const before = await openFileModelStore(openNodeDisk(dir));
    for (const model of [modelOf(1, 2, 3), modelOf(4)]) await put(before, model);
    const file = join(dir, 'models', `${sha256Of(modelOf(1, 2, 3))}.safetensors`);
    writeFileSync(file, damage(readFileSync(file)));
    const store = await openFileModelStore(openNodeDisk(dir));
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await expect(store.open(sha256Of(modelOf(1, 2, 3)))).rejects.toThrow(
        /^models\/[0-9a-f]{64}\.safetensors is damaged/,
      );
    }
    expect([...((await store.open(sha256Of(modelOf(4)))) ?? [])]).toEqual([4]);
  });

  it('checks every byte of a model of several pieces', async () => {
    const dir = folderForTest();
    const model = new SharedArrayBuffer(300_000);
    new Uint8Array(model).forEach((_, index, bytes) => {
      bytes[index] = index;
    });
    await put(await openFileModelStore(openNodeDisk(dir)), model);
    const file = join(dir, 'models', `${sha256Of(model)}.safetensors`);
    const bytes = readFileSync(file);
    for (const at of [0, 131_071, 131_072, 262_144, 299_999]) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ 0x80;
      writeFileSync(file, damaged);
      await expect((await openFileModelStore(openNodeDisk(dir))).open(sha256Of(model))).rejects.toThrow('is damaged');
    }
  });

  it('says which file is missing', async () => {
    const dir = folderForTest();
    await put(await openFileModelStore(openNodeDisk(dir)), modelOf(1));
    const store = await openFileModelStore(openNodeDisk(dir));
    rmSync(join(dir, 'models', `${sha256Of(modelOf(1))}.safetensors`));
    await expect(store.open(sha256Of(modelOf(1)))).rejects.toThrow(/^models\/[0-9a-f]{64}\.safetensors is missing/);
  });

  it('is readable by its owner alone', async () => {
    const dir = join(folderForTest(), 'data', 'here');
    await put(await openFileModelStore(openNodeDisk(dir)), modelOf(1));
    for (const part of ['..', '.', 'models', join('models', `${sha256Of(modelOf(1))}.safetensors`)]) {
      expect(statSync(join(dir, part)).mode & 0o077, part).toBe(0);
    }
  });

  it('has nothing of a model that could not be stored, at whichever operation, and takes it when it is put again', async () => {
    for (const bytes of [undefined, 2]) {
      for (const failing of ['write', 'sync', 'rename', 'syncFolder']) {
        const real = new PowerDisk();
        let isBroken = false;
        const fault = bytes === undefined ? { code: 'ENOSPC' } : { code: 'ENOSPC', bytes };
        const disk = faultyDisk(real, ({ kind }) => (isBroken && kind === failing ? fault : null));
        const store = await openFileModelStore(disk);
        await put(store, modelOf(1));
        isBroken = true;
        await expect(put(store, modelOf(2, 3, 4))).rejects.toThrow(systemError('ENOSPC'));
        expect(store.has(sha256Of(modelOf(2, 3, 4)))).toBe(false);
        expect(await store.open(sha256Of(modelOf(2, 3, 4)))).toBeNull();
        expect((await real.list('models')).filter((name) => name.endsWith('.tmp'))).toEqual([]);
        isBroken = false;
        await put(store, modelOf(2, 3, 4));
        expect((await openFileModelStore(real.afterLoss(() => 0))).has(sha256Of(modelOf(2, 3, 4)))).toBe(true);
      }
    }
  });

  it('has a model whole or not at all, and surely one whose put settled, wherever its process is killed or the power lost', async () => {
    const models = [modelOf(1), modelOf(...Array.from({ length: 1_500 }, (_, index) => index % 256)), modelOf(3)];
    const choices = fc.infiniteStream(fc.nat());
    await fc.assert(
      fc.asyncProperty(
        fc.nat(25),
        fc.constantFrom(0, 1, 600),
        fc.boolean(),
        choices,
        async (at, torn, isLoss, chosen) => {
          const disk = new PowerDisk();
          const { disk: killed, isKilled } = killedDisk(disk, at, torn);
          let settled = 0;
          const fill = async () => {
            const store = await openFileModelStore(killed);
            for (const model of models) {
              await put(store, model);
              settled += 1;
            }
          };
          await fill().catch((error) => expect(error).toMatchObject({ code: 'KILLED' }));
          expect(isKilled()).toBe(settled < models.length);
          const after = isLoss ? disk.afterLoss((below) => (chosen.next().value ?? 0) % below) : disk;
          const store = await openFileModelStore(after);
          // What the store says it has, it will have.
          const lasting = await openFileModelStore(after.afterLoss(() => 0));
          for (const [index, model] of models.entries()) {
            expect(lasting.has(sha256Of(model))).toBe(store.has(sha256Of(model)));
            const bytes = await store.open(sha256Of(model));
            expect(bytes === null ? null : Buffer.from(bytes)).toEqual(
              index < settled || bytes ? Buffer.from(model.slice(0)) : null,
            );
          }
          expect((await after.list('models')).every((name) => name.endsWith('.safetensors'))).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });
});
