import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/domain/random.ts';
import { TestChorus } from '../../src/testing/index.ts';
import { faultyDisk, type Operation } from '../storage/support/faulty-disk.ts';
import { PowerDisk } from '../storage/support/power-disk.ts';
import { until } from '../support/until.ts';

const clientKey = new Uint8Array(32).fill(7);
const plan = { rounds: 2, minClients: 2 };
const isJournalSync = ({ kind, path }: Operation) =>
  (kind === 'sync' || (kind as string) === 'syncNow') && path.startsWith('journal/');

describe('a sync of the journal that fails', () => {
  it('ends the process before anything is acknowledged by it, and the next one has what was acknowledged', async () => {
    const disk = new PowerDisk();
    let fails = false;
    const fatal: unknown[] = [];
    const test = await TestChorus.create({
      ...{ plan, clientKey, fsync: 'always', onFatal: (error) => fatal.push(error) },
      storage: { disk: faultyDisk(disk, (operation) => (fails && isJournalSync(operation) ? { code: 'EIO' } : null)) },
    });
    const [a, b] = await test.joinMany(2);
    if (!a || !b) throw new Error('Two clients joined');
    await until(() => expect(test.handle.status().phase).toBe('training'));
    await a.contribute([2]);
    fails = true;
    await expect(b.contribute([4])).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    expect(fatal).not.toEqual([]);
    expect(fatal[0]).toMatchObject({ code: 'EIO' });
    // The sync may succeed when it is tried again, though bytes were dropped: nothing is believed any more.
    fails = false;
    expect(() => test.handle.rendezvous()).toThrow(expect.objectContaining({ code: 'STORAGE_UNAVAILABLE' }));
    for (let seed = 1; seed <= 20; seed += 1) {
      const random = seededRandom(seed);
      const left = disk.afterLoss((below) => random.below(below));
      const next = await TestChorus.create({ plan, clientKey, storage: { disk: left } });
      const { contributions } = next.handle.rounds().at(-1) ?? {};
      expect(
        contributions?.map(({ clientId }) => clientId),
        `seed ${seed}`,
      ).toContain(a.clientId);
      expect(next.crashes).toEqual([]);
    }
  });

  it('ends the process also when it is that of a write: what an earlier one left behind must be cut off for good first', async () => {
    let fails: 'nothing' | 'writes' | 'syncs' = 'nothing';
    const fatal: unknown[] = [];
    const test = await TestChorus.create({
      ...{ plan, clientKey, fsync: 'always', onFatal: (error) => fatal.push(error) },
      storage: {
        disk: faultyDisk(new PowerDisk(), (operation) => {
          if (fails === 'writes' && operation.kind === 'writeNow') return { code: 'EIO', bytes: 5 };
          return fails === 'syncs' && isJournalSync(operation) ? { code: 'EIO' } : null;
        }),
      },
    });
    const refused = expect.objectContaining({ code: 'STORAGE_UNAVAILABLE' });
    fails = 'writes';
    expect(() => test.handle.rendezvous()).toThrow(refused);
    // It may go better the next time.
    expect(fatal).toEqual([]);
    fails = 'syncs';
    await test.advance(2_000);
    expect(() => test.handle.rendezvous()).toThrow(refused);
    expect(fatal).toEqual([expect.objectContaining({ code: 'EIO' })]);
  });
});
