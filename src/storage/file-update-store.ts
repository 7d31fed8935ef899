import type { UpdatePlace } from '../domain/facts.ts';
import type { Disk, DiskFile } from './disk.ts';
import { GroupSync } from './group-sync.ts';
import type { AttemptKey, LeavableUpdateStore } from './update-store.ts';

export interface UpdateStoreOptions {
  /** `always`: an update is synced before `put` settles. `commit`: it is not; it survives the end of the process only. */
  fsync: 'always' | 'commit';
  /** Whether the updates of committed rounds are kept, under `updates/`. */
  keep: boolean;
}

export const stagedFolder = 'staged';
export const keptFolder = 'updates';
/** Places of failed puts that are remembered, to be used again. */
const gapsMax = 1_024;

/** The name of an attempt's file. */
export const nameOfAttempt = ({ run, round, attempt }: AttemptKey): string => `${run}-${round}-${attempt}.updates`;

/** Updates as files, one for each attempt; in it, updates lie one after another as they came. @throws a system error. */
export async function openFileUpdateStore(disk: Disk, options: UpdateStoreOptions): Promise<LeavableUpdateStore> {
  await disk.makeFolder(stagedFolder);
  await disk.makeFolder(keptFolder);
  return new FileUpdateStore(disk, options);
}

class FileUpdateStore implements LeavableUpdateStore {
  readonly #ownDisk: Disk;
  readonly #options: UpdateStoreOptions;
  readonly #folder: string;
  /** Attempts that are being opened or ended. */
  readonly #underWay = new Set<Promise<unknown>>();
  #attempt: AttemptFile | null = null;
  #isLeft = false;

  constructor(disk: Disk, options: UpdateStoreOptions) {
    this.#ownDisk = disk;
    this.#options = options;
    this.#folder = options.keep ? keptFolder : stagedFolder;
  }

  open(attempt: AttemptKey): Promise<void> {
    return track(this.#underWay, this.#open(attempt));
  }

  async #open(attempt: AttemptKey): Promise<void> {
    await this.close();
    const name = nameOfAttempt(attempt);
    await this.#moveHere(name);
    await this.#removeOthers(attempt);
    const path = `${this.#folder}/${name}`;
    const file = await this.#disk.open(path);
    this.#attempt = new AttemptFile(path, file, this.#options.fsync);
    if (this.#options.fsync === 'commit') return;
    // What another process left unsynced is promised from now on.
    if (file.length > 0) await file.sync();
    await this.#disk.syncFolder(this.#folder);
  }

  async put(bytes: Uint8Array): Promise<UpdatePlace> {
    return this.#opened().put(bytes);
  }

  async read(place: UpdatePlace, into: Uint8Array): Promise<void> {
    await this.#opened().read(place, into);
  }

  end(committed: boolean): Promise<void> {
    return track(this.#underWay, this.#end(committed));
  }

  async #end(committed: boolean): Promise<void> {
    const path = this.#attempt?.path;
    if (path === undefined) return;
    await this.close();
    if (committed && this.#options.keep) return;
    await this.#disk.remove(path);
  }

  async close(): Promise<void> {
    const attempt = this.#attempt;
    this.#attempt = null;
    await attempt?.close();
  }

  async leave(): Promise<void> {
    this.#isLeft = true;
    await Promise.allSettled(this.#underWay);
    await this.close();
  }

  /** An attempt that was being opened when the store was left must not remove what its successor has. @throws when it was left. */
  get #disk(): Disk {
    if (this.#isLeft) throw new Error('The store was left to another');
    return this.#ownDisk;
  }

  #opened(): AttemptFile {
    if (!this.#attempt) throw new Error('No attempt is open');
    return this.#attempt;
  }

  /** The attempt may have been begun with the other setting of `keep`. */
  async #moveHere(name: string): Promise<void> {
    const other = this.#options.keep ? stagedFolder : keptFolder;
    if (!(await this.#disk.list(other)).includes(name)) return;
    await this.#disk.rename(`${other}/${name}`, `${this.#folder}/${name}`);
    await this.#disk.syncFolder(this.#folder);
    await this.#disk.syncFolder(other);
  }

  /** Other attempts are over. Of those at other rounds, some were committed, and are kept where they are to be. */
  async #removeOthers(attempt: AttemptKey): Promise<void> {
    const name = nameOfAttempt(attempt);
    const sameRound = `${attempt.run}-${attempt.round}-`;
    for (const found of await this.#disk.list(stagedFolder)) {
      if (found !== name) await this.#disk.remove(`${stagedFolder}/${found}`);
    }
    for (const found of await this.#disk.list(keptFolder)) {
      if (found !== name && found.startsWith(sameRound)) await this.#disk.remove(`${keptFolder}/${found}`);
    }
  }
}

/** The file of the open attempt. */
class AttemptFile {
  readonly path: string;
  readonly #file: DiskFile;
  readonly #isSynced: boolean;
  readonly #group: GroupSync;
  /** Where the next update goes. */
  #end: number;
  /** Places of puts that failed. */
  #gaps: UpdatePlace[] = [];
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(path: string, file: DiskFile, fsync: UpdateStoreOptions['fsync']) {
    this.path = path;
    this.#file = file;
    this.#isSynced = fsync === 'always';
    this.#group = new GroupSync(() => file.sync());
    this.#end = file.length;
  }

  put(bytes: Uint8Array): Promise<UpdatePlace> {
    return track(this.#underWay, this.#put(bytes));
  }

  read(place: UpdatePlace, into: Uint8Array): Promise<void> {
    return track(this.#underWay, this.#read(place, into));
  }

  async close(): Promise<void> {
    this.#group.fail(new Error('The attempt is over'));
    await Promise.allSettled(this.#underWay);
    await this.#group.idle();
    await this.#file.close();
  }

  async #put(bytes: Uint8Array): Promise<UpdatePlace> {
    // After a sync that failed, the file is not to be trusted.
    this.#group.assertSound();
    const place = this.#takePlace(bytes.byteLength);
    try {
      await this.#file.write(bytes, place.at);
      if (this.#isSynced) await this.#group.request();
    } catch (error) {
      this.#giveBack(place);
      throw error;
    }
    return place;
  }

  async #read({ at, bytes }: UpdatePlace, into: Uint8Array): Promise<void> {
    const read = await this.#file.read(into.subarray(0, bytes), at);
    if (read !== bytes) throw new Error(`${this.path} holds ${read} of ${bytes} bytes at ${at}`);
  }

  #takePlace(bytes: number): UpdatePlace {
    const gap = this.#gaps.findIndex((place) => place.bytes >= bytes);
    const at = this.#gaps.splice(gap, gap === -1 ? 0 : 1)[0]?.at ?? this.#end;
    this.#end = Math.max(this.#end, at + bytes);
    return { at, bytes };
  }

  /** What a failed put wrote takes up space, of which there may be little: the journal needs some, too. */
  #giveBack(place: UpdatePlace): void {
    if (place.at + place.bytes < this.#end) {
      this.#gaps.push(place);
      if (this.#gaps.length > gapsMax) this.#gaps.shift();
      return;
    }
    this.#end = place.at;
    try {
      this.#file.truncateNow(this.#end);
    } catch {
      // The next update overwrites it.
    }
  }
}

function track<T>(underWay: Set<Promise<unknown>>, task: Promise<T>): Promise<T> {
  underWay.add(task);
  const settled = () => underWay.delete(task);
  task.then(settled, settled);
  return task;
}
