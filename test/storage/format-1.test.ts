import { describe, expect, it } from 'vitest';
import type { ModelInfo } from '../../src/domain/model.ts';
import { openFileModelStore } from '../../src/storage/file-model-store.ts';
import { adoptFormat1, forgetFormat1 } from '../../src/storage/format-1.ts';
import { killedDisk } from './support/faulty-disk.ts';
import { modelOf, sha256Of } from './support/model-suite.ts';
import { PowerDisk } from './support/power-disk.ts';

const models = [modelOf(1, 2), modelOf(3), modelOf(1, 2)];
const infos: ModelInfo[] = models.map((bytes, index) => ({
  version: index + 1,
  run: 'a-run',
  round: index + 1,
  sha256: sha256Of(bytes),
  bytes: bytes.byteLength,
  createdAtMs: 1_600_000_000_000,
  contributions: 3,
  numExamples: 60,
  metrics: { loss: 0.25 },
}));

/** A folder of format 1 with three models, of which two are the same, and what a crash left of a fourth. */
function oldDisk(): PowerDisk {
  const disk = new PowerDisk();
  for (const [index, info] of infos.entries()) {
    disk.plant(`models/0000000${info.version}.safetensors`, Buffer.from(models[index] ?? new SharedArrayBuffer(0)));
    disk.plant(`models/0000000${info.version}.json`, Buffer.from(JSON.stringify({ format: 1, ...info }, null, 2)));
  }
  disk.plant('models/00000004.safetensors', Buffer.from('whole, but without a description'));
  disk.plant('models/00000004.json.tmp', Buffer.from('{"half'));
  return disk;
}

async function expectAdopted(disk: PowerDisk): Promise<void> {
  const store = await openFileModelStore(disk);
  for (const model of models) {
    expect(Buffer.from((await store.open(sha256Of(model))) ?? [])).toEqual(Buffer.from(model.slice(0)));
  }
}

describe('a folder of format 1', () => {
  it('has its models taken over, oldest first, as often as it is asked', async () => {
    const disk = oldDisk();
    for (let time = 0; time < 2; time += 1) {
      expect(await adoptFormat1(disk)).toEqual(infos);
      await expectAdopted(disk);
    }
    await forgetFormat1(disk);
    await forgetFormat1(disk);
    expect(await adoptFormat1(disk)).toEqual([]);
    await expectAdopted(disk);
  });

  it('loses nothing when the process is killed or the power lost at any operation', async () => {
    const convert = async (disk: PowerDisk, at: number) => {
      const { disk: killed, isKilled } = killedDisk(disk, at);
      let isAdopted = false;
      const steps = async () => {
        expect(await adoptFormat1(killed)).toEqual(infos);
        isAdopted = true;
        await forgetFormat1(killed);
      };
      await steps().catch((error) => expect(error).toMatchObject({ code: 'KILLED' }));
      return { isAdopted, isKilled: isKilled() };
    };
    const losses: ((disk: PowerDisk) => PowerDisk)[] = [
      (disk) => disk,
      ...[0, 1, 2, 3, 4].map((chosen) => (disk: PowerDisk) => disk.afterLoss((below) => chosen % below)),
    ];
    for (const after of losses) {
      let at = 0;
      for (let isKilled = true; isKilled; at += 1) {
        const disk = oldDisk();
        const converted = await convert(disk, at);
        isKilled = converted.isKilled;
        const left = after(disk);
        // Once it was adopted, the journal has the facts, and nobody asks again.
        if (!converted.isAdopted) expect(await adoptFormat1(left)).toEqual(infos);
        await expectAdopted(left);
      }
      expect(at).toBeGreaterThan(10);
    }
  });

  it('has nothing in a folder that is new or gone', async () => {
    expect(await adoptFormat1(new PowerDisk())).toEqual([]);
    await forgetFormat1(new PowerDisk());
  });

  it.each([
    ['a format that it does not know', '{"format":2,"version":1}', /format 2/],
    ['a description without a format', '{"version":1}', /format undefined/],
    ['a description that is no JSON', '{"format":1,', /holds no JSON/],
    ['a description that is no object', 'null', /format undefined/],
  ])('is left as it is over %s, and it is said which file it is', async (_, text, message) => {
    const disk = oldDisk();
    disk.plant('models/00000002.json', Buffer.from(text));
    const before = await disk.list('models');
    await expect(adoptFormat1(disk)).rejects.toThrow(message);
    await expect(adoptFormat1(disk)).rejects.toThrow(/^models\/00000002\.json/);
    expect(await disk.list('models')).toEqual(before);
  });
});
