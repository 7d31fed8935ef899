import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { UpdatePlace } from '../../src/domain/facts.ts';
import type { Disk } from '../../src/storage/disk.ts';
import { openFileUpdateStore, type UpdateStoreOptions } from '../../src/storage/file-update-store.ts';
import { type Decide, faultyDisk, killedDisk, systemError } from './support/faulty-disk.ts';
import { places } from './support/places.ts';
import { PowerDisk } from './support/power-disk.ts';
import { attemptOf, describeUpdateStore, readBack, updateOf } from './support/update-suite.ts';

const always: UpdateStoreOptions = { fsync: 'always', keep: false };
const variants: UpdateStoreOptions[] = [always, { fsync: 'commit', keep: false }, { fsync: 'always', keep: true }];

for (const [name, place] of places) {
  for (const options of variants) {
    describeUpdateStore(`${name}, ${JSON.stringify(options)}`, () => {
      const disk = place();
      return () => openFileUpdateStore(disk, options);
    });
  }
}

const names = async (disk: PowerDisk) => [...(await disk.list('staged')), ...(await disk.list('updates'))];

describe('the file of an attempt', () => {
  it.each([
    ['removed when the attempt is over', false, true, []],
    ['removed when it came to nothing', false, false, []],
    ['kept when it is committed, if it shall be', true, true, ['a-run-1-1.updates']],
    ['removed when it came to nothing, if committed ones are kept', true, false, []],
  ])('is %s', async (_, keep, committed, left) => {
    const disk = new PowerDisk();
    const store = await openFileUpdateStore(disk, { fsync: 'always', keep });
    await store.open(attemptOf(1));
    await store.put(updateOf(1));
    await store.end(committed);
    expect(await names(disk)).toEqual(left);
  });

  it.each([
    ['another round', attemptOf(2)],
    ['another run', { run: 'b-run', round: 1, attempt: 1 }],
  ])('is removed when %s is opened, unless it is to be kept', async (_, other) => {
    for (const keep of [true, false]) {
      const disk = new PowerDisk();
      const store = await openFileUpdateStore(disk, { fsync: 'always', keep });
      await store.open(attemptOf(1));
      await store.put(updateOf(1));
      await store.open(other);
      expect((await names(disk)).includes('a-run-1-1.updates')).toBe(keep);
      expect(await names(disk)).toHaveLength(keep ? 2 : 1);
    }
  });

  it('is kept with those of other rounds, but not with earlier attempts at the same', async () => {
    const disk = new PowerDisk();
    const store = await openFileUpdateStore(disk, { fsync: 'always', keep: true });
    for (const attempt of [attemptOf(1), attemptOf(11)]) {
      await store.open(attempt);
      await store.put(updateOf(1));
      await store.end(true);
    }
    await store.open(attemptOf(2));
    await store.put(updateOf(2));
    await store.close();
    await store.open(attemptOf(2, 2));
    expect((await names(disk)).sort()).toEqual(['a-run-1-1.updates', 'a-run-11-1.updates', 'a-run-2-2.updates']);
  });

  it.each([true, false])('goes on where it is to be when keeping was switched, to %s', async (keep) => {
    const disk = new PowerDisk();
    const before = await openFileUpdateStore(disk, { fsync: 'always', keep: !keep });
    await before.open(attemptOf(1));
    const at = await before.put(updateOf(7));
    await before.close();
    const after = await openFileUpdateStore(disk, { fsync: 'always', keep });
    await after.open(attemptOf(1));
    expect((await readBack(after, at))[0]).toBe(7);
    expect(await disk.list(keep ? 'updates' : 'staged')).toEqual(['a-run-1-1.updates']);
    expect(await names(disk)).toHaveLength(1);
    expect((await names(disk.afterLoss(() => 0))).length).toBe(1);
  });
});

describe('a store of updates on a disk that fails', () => {
  /** A store whose disk fails as long as `faults.decide` says so. */
  async function failing(options: UpdateStoreOptions = always) {
    const real = new PowerDisk();
    const faults = { decide: (() => null) as Decide };
    const store = await openFileUpdateStore(
      faultyDisk(real, (operation) => faults.decide(operation)),
      options,
    );
    await store.open(attemptOf(1));
    return { real, faults, store };
  }

  it.each([undefined, 0, 4])(
    'stages nothing of an update for which there is no space (after %s bytes), and leaves others alone',
    async (bytes) => {
      const { real, faults, store } = await failing();
      const first = await store.put(updateOf(1));
      const fault = bytes === undefined ? { code: 'ENOSPC' } : { code: 'ENOSPC', bytes };
      let writes = 0;
      faults.decide = ({ kind }) => {
        if (kind !== 'write') return null;
        writes += 1;
        return writes === 2 ? fault : null;
      };
      const puts = await Promise.allSettled([2, 3, 4].map((value) => store.put(updateOf(value))));
      expect(puts.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      faults.decide = () => null;
      // It goes to the place that the failed one left.
      expect(await store.put(updateOf(5))).toEqual({ at: 20, bytes: 10 });
      for (const [index, value] of [1, 2, 5, 4].entries()) {
        expect([...(await readBack(store, { at: index * 10, bytes: 10 }))]).toEqual(Array(10).fill(value));
      }
      expect(first).toEqual({ at: 0, bytes: 10 });
      expect(real.peek('staged/a-run-1-1.updates').byteLength).toBe(40);
    },
  );

  it('gives back the space that failed updates took at the end', async () => {
    const { real, faults, store } = await failing();
    await store.put(updateOf(1));
    faults.decide = ({ kind }) => (kind === 'write' ? { code: 'ENOSPC', bytes: 5 } : null);
    for (let attempt = 0; attempt < 5; attempt += 1) {
      await expect(store.put(updateOf(2))).rejects.toThrow(systemError('ENOSPC'));
      expect(real.peek('staged/a-run-1-1.updates').byteLength).toBe(10);
    }
    faults.decide = () => null;
    expect(await store.put(updateOf(3))).toEqual({ at: 10, bytes: 10 });
  });

  it('trusts an attempt no more after a sync that failed, and the next one again', async () => {
    const { faults, store } = await failing();
    const first = await store.put(updateOf(1));
    faults.decide = ({ kind }) => (kind === 'sync' ? { code: 'EIO' } : null);
    const puts = await Promise.allSettled([2, 3].map((value) => store.put(updateOf(value))));
    expect(puts.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    faults.decide = () => null;
    await expect(store.put(updateOf(4))).rejects.toThrow('EIO');
    expect((await readBack(store, first))[0]).toBe(1);
    await store.open(attemptOf(1, 2));
    await store.put(updateOf(5));
  });

  it('is not opened on a disk that cannot be written to', async () => {
    for (const code of ['EROFS', 'EACCES']) {
      const disk = faultyDisk(new PowerDisk(), ({ kind }) => (kind === 'open' ? { code } : null));
      const store = await openFileUpdateStore(disk, always);
      await expect(store.open(attemptOf(1))).rejects.toThrow(systemError(code));
      await expect(store.put(updateOf(1))).rejects.toThrow('No attempt is open');
    }
  });

  it('shares a sync among the puts that are under way', async () => {
    let syncs = 0;
    const disk = faultyDisk(new PowerDisk(), ({ kind }) => {
      if (kind === 'sync') syncs += 1;
      return null;
    });
    const store = await openFileUpdateStore(disk, always);
    await store.open(attemptOf(1));
    await Promise.all(Array.from({ length: 50 }, (_, value) => store.put(updateOf(value))));
    expect(syncs).toBeLessThanOrEqual(3);
    expect(syncs).toBeGreaterThan(0);
  });

  it('promises what was staged unsynced, once it is opened to sync always', async () => {
    const disk = new PowerDisk();
    const before = await openFileUpdateStore(disk, { fsync: 'commit', keep: false });
    await before.open(attemptOf(1));
    const place = await before.put(updateOf(7));
    await before.close();
    await (await openFileUpdateStore(disk, always)).open(attemptOf(1));
    const after = await openFileUpdateStore(
      disk.afterLoss(() => 0),
      always,
    );
    await after.open(attemptOf(1));
    expect((await readBack(after, place))[0]).toBe(7);
  });

  it('ends an attempt when the puts that are under way have ended, and takes no more meanwhile', async () => {
    const disk = new PowerDisk();
    let finish: () => void = () => undefined;
    const written = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const slow: Disk = Object.assign(
      faultyDisk(disk, () => null),
      {
        open: async (path: string) => ({ ...(await disk.open(path)), write: () => written }),
      },
    );
    const store = await openFileUpdateStore(slow, { fsync: 'commit', keep: false });
    await store.open(attemptOf(1));
    const events: string[] = [];
    const put = store.put(updateOf(1)).finally(() => events.push('put'));
    const end = store.end(true).finally(() => events.push('end'));
    await expect(store.put(updateOf(2))).rejects.toThrow('No attempt is open');
    await new Promise(setImmediate);
    expect(events).toEqual([]);
    finish();
    await Promise.allSettled([put, end]);
    expect(events).toEqual(['put', 'end']);
    expect(await names(disk)).toEqual([]);
  });

  it('that was left removes nothing any more, and is over when what it had under way is', async () => {
    const disk = new PowerDisk();
    const noop = () => undefined;
    const gate = { asked: noop as () => void, answer: noop as () => void, isShut: false };
    const asked = new Promise<void>((resolve) => (gate.asked = resolve));
    const answered = new Promise<void>((resolve) => (gate.answer = resolve));
    const slow: Disk = Object.assign(
      faultyDisk(disk, () => null),
      {
        list: async (folder: string) => {
          const listed = await disk.list(folder);
          if (!gate.isShut) return listed;
          gate.asked();
          await answered;
          return listed;
        },
      },
    );
    const store = await openFileUpdateStore(slow, always);
    await store.open(attemptOf(1));
    await store.put(updateOf(1));
    gate.isShut = true;
    const opening = store.open(attemptOf(2));
    await asked;
    const events: string[] = [];
    const left = store.leave().finally(() => events.push('left'));
    await new Promise(setImmediate);
    expect(events).toEqual([]);
    gate.answer();
    await expect(opening).rejects.toThrow('left to another');
    await left;
    expect(await names(disk)).toHaveLength(1);
  });

  it('syncs nothing when only commits are to be synced', async () => {
    const { faults, store } = await failing({ fsync: 'commit', keep: false });
    faults.decide = ({ kind }) => (kind === 'sync' || kind === 'syncFolder' ? { code: 'EIO' } : null);
    await store.put(updateOf(1));
    await store.open(attemptOf(2));
    await store.put(updateOf(2));
  });
});

describe('a store of updates whose process is killed', () => {
  it('has every update whose put settled, wherever that is, also when the power is lost with it', async () => {
    const choices = fc.infiniteStream(fc.nat());
    await fc.assert(
      fc.asyncProperty(
        fc.nat(30),
        fc.constantFrom(0, 5, 900),
        fc.boolean(),
        choices,
        async (at, torn, isLoss, chosen) => {
          const disk = new PowerDisk();
          const { disk: killed } = killedDisk(disk, at, torn);
          const settled: [UpdatePlace, Uint8Array][] = [];
          let round = 0;
          const stage = async () => {
            const store = await openFileUpdateStore(killed, always);
            for (round = 1; round <= 2; round += 1) {
              settled.length = 0;
              await store.open(attemptOf(round));
              const puts = [100, 1_500, 10, 700].map(async (bytes, index) => {
                const update = updateOf(round * 10 + index, bytes);
                settled.push([await store.put(update), update]);
              });
              const outcomes = await Promise.allSettled(puts);
              for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
            }
            await store.close();
          };
          await stage().catch((error) => expect(error).toMatchObject({ code: 'KILLED' }));
          const after = isLoss ? disk.afterLoss((below) => (chosen.next().value ?? 0) % below) : disk;
          const store = await openFileUpdateStore(after, always);
          await store.open(attemptOf(Math.max(1, Math.min(2, round))));
          const added = await store.put(updateOf(99, 50));
          for (const [place, update] of settled) {
            expect((await readBack(store, place)).equals(Buffer.from(update.buffer))).toBe(true);
            expect(added.at).toBeGreaterThanOrEqual(place.at + place.bytes);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
