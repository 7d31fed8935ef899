import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/domain/random.ts';
import { TestChorus } from '../../src/testing/index.ts';
import { PowerDisk } from '../storage/support/power-disk.ts';
import { until } from '../support/until.ts';

const clientKey = new Uint8Array(32).fill(7);
const start = (disk: PowerDisk, fsync: 'always' | 'commit' = 'always') =>
  TestChorus.create({ plan: { rounds: 2, minClients: 2 }, storage: { disk }, clientKey, fsync });

/** One round committed, and one update of the next accepted. */
async function halfWay(fsync: 'always' | 'commit') {
  const disk = new PowerDisk();
  const test = await start(disk, fsync);
  const [a, b] = await test.joinMany(2);
  if (!a || !b) throw new Error('Two clients joined');
  const reaches = (round: number) =>
    until(() => expect(test.handle.status()).toMatchObject({ round, phase: 'training' }));
  await reaches(1);
  await a.contribute([2]);
  await b.contribute([4]);
  await reaches(2);
  await a.contribute([6]);
  return disk;
}

describe.each(['always', 'commit'] as const)('a loss of power, with fsync %s', (fsync) => {
  it('never costs a committed model, and an accepted update only where that was not promised', async () => {
    const disk = await halfWay(fsync);
    for (let seed = 1; seed <= 50; seed += 1) {
      const random = seededRandom(seed);
      const test = await start(
        disk.afterLoss((below) => random.below(below)),
        fsync,
      );
      expect(test.handle.models(), `seed ${seed}`).toMatchObject([{ version: 1, round: 1, contributions: 2 }]);
      expect([...((await test.model(1)).w?.data ?? [])]).toEqual([3]);
      if (fsync === 'always') {
        expect(test.handle.status(), `seed ${seed}`).toMatchObject({ round: 2, attempt: 1, contributions: 1 });
      }
      expect(test.crashes).toEqual([]);
    }
  });
});
