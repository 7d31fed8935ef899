import type { Durability, Entry } from './domain/facts.ts';
import type { ModelInfo } from './domain/model.ts';
import type { History } from './history/history.ts';
import type { Disk } from './storage/disk.ts';
import { openFileJournal } from './storage/file-journal.ts';
import { openFileModelStore } from './storage/file-model-store.ts';
import { openFileUpdateStore } from './storage/file-update-store.ts';
import { adoptFormat1, forgetFormat1 } from './storage/format-1.ts';
import type { Journal } from './storage/journal.ts';
import { removeLeftUpdates } from './storage/left-updates.ts';
import { createMemoryModelStore } from './storage/memory-model-store.ts';
import type { ModelStore } from './storage/model-store.ts';
import { createNoJournal } from './storage/no-journal.ts';
import { openNodeDisk } from './storage/node-disk.ts';
import type { LeavableUpdateStore, UpdateStore } from './storage/update-store.ts';

export interface Keeping {
  durability: Durability;
  fsync: 'always' | 'commit';
  /** Updates of committed rounds are kept. */
  keep: boolean;
  /** The aggregator runs in this thread. */
  isInline: boolean;
  onNote: (sentence: string) => void;
}

/** Everything that is kept, and where. */
export interface Stores {
  journal: Journal;
  models: ModelStore;
  /**
   * Staged updates, for one life of an aggregator in this thread; the life before it is cut off from them. null: they are
   * not staged, or on a thread of its own, with which all ends that it had under way. @throws a system error.
   */
  updates: (() => Promise<UpdateStore>) | null;
  /** Where an aggregator on a thread of its own stages them. */
  updatesAt: { dir: string; fsync: 'always' | 'commit'; keep: boolean } | null;
  /** null: nothing is kept. */
  disk: Disk | null;
  /** Models of a folder that had no journal yet. */
  olderModels: ModelInfo[];
}

/** @throws {JournalDamaged} */
export async function openStores(
  storage: 'memory' | { dir: string } | { disk: Disk },
  { durability, fsync, keep, isInline, onNote }: Keeping,
): Promise<Stores> {
  if (storage === 'memory') {
    return {
      journal: createNoJournal(),
      models: createMemoryModelStore(),
      updates: null,
      updatesAt: null,
      disk: null,
      olderModels: [],
    };
  }
  const disk = 'disk' in storage ? storage.disk : openNodeDisk(storage.dir);
  if (!isInline && 'disk' in storage) throw new RangeError('A disk of one’s own needs the aggregator inline');
  const isStaged = durability === 'update';
  const staging = { fsync, keep };
  const journal = await openFileJournal(disk, { onNote });
  try {
    const olderModels = await adoptFormat1(disk);
    const models = await openFileModelStore(disk);
    return {
      journal,
      models,
      disk,
      olderModels,
      updates: isInline && isStaged ? oneAfterAnother(() => openFileUpdateStore(disk, staging)) : null,
      updatesAt: !isInline && isStaged && 'dir' in storage ? { dir: storage.dir, ...staging } : null,
    };
  } catch (error) {
    await journal.close().catch(() => undefined);
    throw error;
  }
}

function oneAfterAnother(open: () => Promise<LeavableUpdateStore>): () => Promise<UpdateStore> {
  let last: Promise<LeavableUpdateStore | null> = Promise.resolve(null);
  return () => {
    const next = last.then(async (before) => {
      await before?.leave();
      return open();
    });
    last = next.catch(() => null);
    return next;
  };
}

/** Models of a folder that had no journal yet are its first versions. */
export async function adoptOlderModels(
  { disk, journal, olderModels }: Stores,
  models: readonly ModelInfo[],
  happened: (entry: Entry) => void,
  atMs: number,
): Promise<void> {
  if (!disk || olderModels.length === 0) return;
  const known = new Set(models.map(({ version }) => version));
  for (const model of olderModels) {
    if (known.has(model.version)) continue;
    const fact = { type: 'model.installed', model } as const;
    happened({ seq: journal.append([fact], atMs), atMs, fact });
  }
  journal.syncNow();
  await forgetFormat1(disk);
}

/** What ended attempts left is removed. Where the disk does not allow it now, a later process does it. */
export async function tidyUpdates(
  { disk, journal }: Stores,
  { open, rounds }: Pick<History, 'open' | 'rounds'>,
  onNote: (sentence: string) => void,
): Promise<void> {
  if (!disk) return;
  try {
    // That they ended may only be known from what an earlier process did not sync.
    journal.syncNow();
    const abandoned = rounds.filter(({ phase }) => phase === 'abandoned');
    await removeLeftUpdates(disk, open?.record ?? null, abandoned);
  } catch (error) {
    onNote(`Updates of rounds that are over could not be removed: ${error instanceof Error ? error.message : error}`);
  }
}
