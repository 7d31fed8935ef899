import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fact } from '../../src/domain/facts.ts';
import type { Disk } from '../../src/storage/disk.ts';
import { openFileJournal } from '../../src/storage/file-journal.ts';
import { readJournal } from '../../src/storage/journal-reader.ts';
import { checkpointOf, entriesOf, factOf, readAll, reread, withJournal } from './support/facts.ts';
import { type Decide, type Fault, faultyDisk, killedDisk, systemError } from './support/faulty-disk.ts';
import { places } from './support/places.ts';
import { PowerDisk } from './support/power-disk.ts';

/** A disk whose faults can be switched on and off. */
function switchable(disk: Disk): { disk: Disk; decide: Decide } {
  const faults = { decide: (() => null) as Decide };
  return Object.assign(faults, { disk: faultyDisk(disk, (operation) => faults.decide(operation)) });
}

const failing =
  (kinds: readonly string[], fault: Fault): Decide =>
  ({ kind }) =>
    kinds.includes(kind) ? fault : null;

describe.each(places)('a journal on a disk that fails: %s', (_, place) => {
  it.each([0, 1, 40, 500])(
    'writes nothing of an append when the disk is full after %i bytes, and goes on when there is space',
    async (bytes) => {
      const real = place();
      const faults = switchable(real);
      await withJournal(faults.disk, (journal) => {
        journal.append([factOf('a')], 0);
        faults.decide = failing(['writeNow'], { code: 'ENOSPC', bytes });
        for (let attempt = 0; attempt < 3; attempt += 1) {
          expect(() => journal.append([factOf('b'), factOf('c')], 0)).toThrow(systemError('ENOSPC'));
        }
        expect(journal.seq).toBe(1);
        faults.decide = () => null;
        expect(journal.append([factOf('d')], 0)).toBe(2);
      });
      expect(await reread(real)).toEqual(entriesOf([factOf('a'), factOf('d')]));
    },
  );

  it('cuts off what a failed write left before it writes again, when it could not be cut off at once', async () => {
    const real = place();
    const faults = switchable(real);
    await withJournal(faults.disk, (journal) => {
      journal.append([factOf('a')], 0);
      faults.decide = failing(['writeNow', 'truncate'], { code: 'EIO', bytes: 100 });
      expect(() => journal.append([factOf('long'.repeat(99)), factOf('b')], 0)).toThrow(systemError('EIO'));
      faults.decide = failing(['truncate'], { code: 'EIO' });
      expect(() => journal.append([factOf('c')], 0)).toThrow(systemError('EIO'));
      faults.decide = () => null;
      journal.append([factOf('d')], 0);
    });
    const notes: string[] = [];
    expect(await reread(real, { onNote: (note) => notes.push(note) })).toEqual(entriesOf([factOf('a'), factOf('d')]));
    expect(notes).toEqual([]);
  });

  it('syncs though there is no space for the sync mark', async () => {
    const real = place();
    const faults = switchable(real);
    await withJournal(faults.disk, async (journal) => {
      journal.append([factOf('a')], 0);
      faults.decide = failing(['writeNow'], { code: 'ENOSPC', bytes: 20 });
      await journal.synced();
      faults.decide = () => null;
      journal.append([factOf('b')], 0);
    });
    expect(await reread(real)).toEqual(entriesOf([factOf('a'), factOf('b')]));
  });

  it('takes nothing and promises nothing after a sync that failed', async () => {
    const real = place();
    const faults = switchable(real);
    const journal = await openFileJournal(faults.disk);
    journal.append([factOf('a')], 0);
    faults.decide = failing(['sync'], { code: 'EIO' });
    const first = journal.synced();
    const second = journal.synced();
    await expect(first).rejects.toThrow('EIO');
    await expect(second).rejects.toThrow('EIO');
    faults.decide = () => null;
    await expect(journal.synced()).rejects.toThrow('EIO');
    expect(() => journal.syncNow()).toThrow('EIO');
    expect(() => journal.append([factOf('b')], 0)).toThrow('EIO');
    await expect(journal.close()).rejects.toThrow('EIO');
    expect(await reread(real)).toEqual(entriesOf([factOf('a')]));
  });

  it('is not opened on a disk that cannot be written to, and can be read there', async () => {
    const real = place();
    await withJournal(real, (journal) => void journal.append([factOf('a')], 0));
    for (const code of ['EROFS', 'EACCES']) {
      const kinds = ['makeFolder', 'write', 'writeNow', 'truncate', 'open', 'sync', 'syncFolder', 'rename', 'remove'];
      const disk = faultyDisk(real, failing(kinds, { code }));
      await expect(openFileJournal(disk)).rejects.toMatchObject({ code });
      expect(await readAll(readJournal(disk))).toEqual(entriesOf([factOf('a')]));
    }
  });
});

it('shares one sync among the calls that come while another is under way', async () => {
  let syncs = 0;
  const disk = faultyDisk(new PowerDisk(), ({ kind, path }) => {
    if (kind === 'sync' && path === 'journal/00000001.log') syncs += 1;
    return null;
  });
  const journal = await openFileJournal(disk);
  journal.append([factOf('a')], 0);
  syncs = 0;
  const first = journal.synced();
  const others = Array.from({ length: 50 }, (_, index) => {
    journal.append([factOf(String(index))], 0);
    return journal.synced();
  });
  await Promise.all([first, ...others]);
  expect(syncs).toBe(2);
  await journal.close();
});

/** Appends, syncs, new segments and checkpoints. What it did is told as it goes. */
async function scenario(disk: Disk, log: { appended: Fact[]; synced: number }): Promise<void> {
  const journal = await openFileJournal(disk, { segmentBytesMax: 300 });
  const append = (...facts: Fact[]) => {
    journal.append(facts, 0);
    log.appended.push(...facts);
  };
  const noteSynced = () => {
    log.synced = log.appended.length;
  };
  append(factOf('a'));
  append(factOf('b'), factOf('c'));
  await journal.synced();
  noteSynced();
  append(factOf('d'), factOf('e'.repeat(600)), factOf('f'));
  append(factOf('g'));
  journal.syncNow();
  noteSynced();
  for (const id of ['h', 'i', 'j']) append(factOf(id));
  await journal.synced();
  noteSynced();
  append(checkpointOf('k'), factOf('l'));
  append(factOf('m'));
  await journal.synced();
  noteSynced();
  append(factOf('n'), factOf('o'));
  await journal.close();
  noteSynced();
}

/** Runs the scenario until its process is killed at an operation. @returns null when it went through before that. */
async function killedAt(at: number, torn: number) {
  const disk = new PowerDisk();
  const { disk: killed, isKilled } = killedDisk(disk, at, torn);
  const log = { appended: [] as Fact[], synced: 0 };
  await scenario(killed, log).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'KILLED') throw error;
  });
  return isKilled() ? { disk, log } : null;
}

/**
 * Holds what is found against what was appended and what of it must be there. What a server has read on opening is acted
 * upon, so it must outlast a loss of power, too.
 */
async function expectFound(disk: PowerDisk, appended: readonly Fact[], atLeast: number): Promise<void> {
  const read = await readAll(readJournal(disk, { all: true }));
  const opened = await reread(disk);
  const again = await readAll(readJournal(disk, { all: true }));
  expect(again).toEqual(read);
  expect(opened).toEqual(read.slice(read.length - opened.length));
  expect(
    await readAll(
      readJournal(
        disk.afterLoss(() => 0),
        { all: true },
      ),
    ),
  ).toEqual(read);
  const known = read.slice(0, appended.length);
  expect(known).toEqual(entriesOf(appended).slice(0, known.length));
  expect(read.length).toBeGreaterThanOrEqual(atLeast);
}

describe('a journal whose process is killed', () => {
  it('has every fact whose append returned, and whole appends only, at whichever operation', async () => {
    for (const torn of [0, 1, 60, 130, 10_000]) {
      let kills = 0;
      for (let run = await killedAt(0, torn); run; run = await killedAt(kills, torn)) {
        await expectFound(run.disk, run.log.appended, run.log.appended.length);
        kills += 1;
      }
      expect(kills).toBeGreaterThan(20);
    }
  });

  it('has every fact that was synced, and whole appends only, when the power is lost with it', async () => {
    const operations = fc.integer({ min: 0, max: 60 });
    const choices = fc.infiniteStream(fc.nat());
    await fc.assert(
      fc.asyncProperty(operations, fc.constantFrom(0, 60, 700), choices, async (at, torn, chosen) => {
        const run = await killedAt(at, torn);
        if (!run) return;
        const pick = (below: number) => (chosen.next().value ?? 0) % below;
        await expectFound(run.disk.afterLoss(pick), run.log.appended, run.log.synced);
      }),
      { numRuns: 500 },
    );
  });
});

it('is whole when the power is lost after a write that failed, whatever of it and of later ones is on the disk', async () => {
  const choices = fc.infiniteStream(fc.nat());
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(60, 100, 200, 300), fc.boolean(), choices, async (bytes, isCheckpoint, chosen) => {
      const real = new PowerDisk();
      const faults = switchable(real);
      await withJournal(real, (journal) => void journal.append([factOf('a')], 0));
      const journal = await openFileJournal(faults.disk);
      const later = ['c', 'd', 'e'].map(factOf);
      journal.append([factOf('b')], 0);
      faults.decide = failing(['writeNow'], { code: 'ENOSPC', bytes });
      // A checkpoint would have begun a segment.
      const many = [isCheckpoint ? checkpointOf('s') : factOf('x'), factOf('x'), factOf('x')];
      expect(() => journal.append(many, 0)).toThrow(systemError('ENOSPC'));
      faults.decide = () => null;
      if (isCheckpoint) await journal.synced();
      for (const fact of later) journal.append([fact], 0);
      const after = real.afterLoss((below) => (chosen.next().value ?? 0) % below);
      const read = await reread(after);
      expect(read).toEqual(entriesOf([factOf('a'), factOf('b'), ...later]).slice(0, read.length));
      expect(read.length).toBeGreaterThanOrEqual(isCheckpoint ? 2 : 1);
    }),
    { numRuns: 300 },
  );
});

it('is whole when the power is lost while it is opened, after a process that could not begin a segment', async () => {
  const choices = fc.infiniteStream(fc.nat());
  await fc.assert(
    fc.asyncProperty(fc.nat(20), choices, async (at, chosen) => {
      const disk = new PowerDisk();
      const faults = switchable(disk);
      await withJournal(disk, (journal) => void journal.append([factOf('a')], 0));
      const journal = await openFileJournal(faults.disk);
      journal.append([factOf('b')], 0);
      faults.decide = failing(['writeNow'], { code: 'ENOSPC', bytes: 100 });
      expect(() => journal.append([checkpointOf('s')], 0)).toThrow(systemError('ENOSPC'));
      await openFileJournal(killedDisk(disk, at).disk).catch((error) =>
        expect(error).toMatchObject({ code: 'KILLED' }),
      );
      const found = await reread(disk.afterLoss((below) => (chosen.next().value ?? 0) % below));
      expect(found).toEqual(entriesOf([factOf('a'), factOf('b')]));
    }),
    { numRuns: 300 },
  );
});

/** What is done with a journal: facts are appended together, synced, or the disk becomes full after so many bytes. */
type Step = { append: number[] } | { checkpoint: number } | 'synced' | 'syncNow' | 'reopen' | { room: number | null };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ append: fc.array(fc.constantFrom(1, 30, 700), { minLength: 1, maxLength: 4 }) }),
    fc.record({ checkpoint: fc.constantFrom(1, 900) }),
    fc.constantFrom<Step>('synced', 'syncNow', 'reopen'),
    fc.record({ room: fc.constantFrom(null, 0, 40, 200, 600) }),
  ),
  { maxLength: 30 },
);

/** Does the steps until the process is killed. What it did is told as it goes. */
async function take(disk: Disk, all: readonly Step[], done: { appended: Fact[]; synced: number }): Promise<void> {
  let room: number | null = null;
  const full = faultyDisk(disk, ({ kind }) => {
    if (room === null || (kind !== 'writeNow' && kind !== 'open')) return null;
    return { code: 'ENOSPC', bytes: room };
  });
  const open = () => openFileJournal(full, { segmentBytesMax: 500 });
  const append = (...facts: Fact[]) => {
    try {
      journal.append(facts, 0);
      done.appended.push(...facts);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  };
  let journal = await open();
  done.synced = done.appended.length;
  for (const step of all) {
    const before = done.appended.length;
    if (step === 'synced') await journal.synced();
    else if (step === 'syncNow') journal.syncNow();
    else if (step === 'reopen') {
      await journal.close();
      room = null;
      journal = await open();
    } else if ('append' in step) append(...step.append.map((size) => factOf(`${before}`.padEnd(size, 'x'))));
    else if ('checkpoint' in step) append(checkpointOf(`${before}`.padEnd(step.checkpoint, 'x')));
    else room = step.room;
    if (step === 'synced' || step === 'syncNow' || step === 'reopen') done.synced = before;
  }
}

/** What one process does, and the operation at which it is killed, so many bytes into a write. */
const life = fc.record({ steps, at: fc.nat(60), torn: fc.constantFrom(0, 60, 700) });

it('has every fact that it must have, whatever was done with it, and whenever its processes and the power ended', async () => {
  const choices = fc.infiniteStream(fc.nat());
  await fc.assert(
    fc.asyncProperty(fc.array(life, { minLength: 1, maxLength: 3 }), choices, async (lives, chosen) => {
      const disk = new PowerDisk();
      const done = { appended: [] as Fact[], synced: 0 };
      for (const { steps, at, torn } of lives) {
        const { disk: killed } = killedDisk(disk, at, torn);
        await take(killed, steps, done).catch((error) => expect(error).toMatchObject({ code: 'KILLED' }));
        const found = await readAll(readJournal(disk, { all: true }));
        // An append that never returned may be there all the same.
        expect(found.slice(0, done.appended.length)).toEqual(entriesOf(done.appended));
        done.appended = found.map(({ fact }) => fact);
      }
      await expectFound(
        disk.afterLoss((below) => (chosen.next().value ?? 0) % below),
        done.appended,
        done.synced,
      );
      await expectFound(disk, done.appended, done.appended.length);
    }),
    { numRuns: 500 },
  );
});
