import type { Disk, DiskFile } from '../../storage/disk.ts';
import { SimulatedFile, SimulatedNames } from './disk-files.ts';
import type { World } from './world.ts';

/** How long a sync takes, ms. */
const syncMsMax = 1;
/** How long anything takes with `diskSlow` at full intensity, ms. */
const slowMsMax = 60;
/** How long it stands still with `diskStalls`, ms, and how often, at full intensity. */
const stallMs = { from: 500, to: 5_000 };
const stallShare = 0.05;
/** Of the operations of a disk that fails, the share that does at full intensity. */
const failingShare = 0.7;

/** The process ended in the middle of a call; nothing that it still does has any effect. */
export class ProcessEnded extends Error {
  override readonly name = 'ProcessEnded';
}

/** How the system's processes end. `killed`: all that was written survives. `power`: all that was synced does. */
export type CrashKind = 'killed' | 'power';

/** The process that uses the disk. */
export interface DiskUser {
  readonly isDead: boolean;
  /** It ends now, in the middle of a disk operation. */
  crash(kind: CrashKind): void;
}

/** A crash that waits for its disk operation. */
interface AwaitedCrash {
  kind: CrashKind;
  /** Operations that still go well. */
  operationsLeft: number;
}

/**
 * A disk that outlives processes. Each life of a process has a face of it, which goes dead with that life: its
 * operations do nothing from then on and never settle.
 */
export class SimulatedDisk {
  readonly #world: World;
  readonly #names = new SimulatedNames();
  #awaited: AwaitedCrash | null = null;
  #isFull = false;
  #isFailing = false;
  #wasInTrouble = false;
  #failures = 0;
  operations = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Whether it took nothing, or failed, since the last call. */
  takeWasInTrouble(): boolean {
    const wasInTrouble = this.#wasInTrouble;
    this.#wasInTrouble = this.#isFull || this.#isFailing;
    return wasInTrouble;
  }

  /** Operations that failed, whatever they were to do. */
  get failures(): number {
    return this.#failures;
  }

  /** From now on nothing that needs room can be written. */
  fill(isFull: boolean): void {
    this.#isFull = isFull;
    this.#wasInTrouble ||= isFull;
  }

  /** From now on any operation may fail. */
  fail(isFailing: boolean): void {
    this.#isFailing = isFailing;
    this.#wasInTrouble ||= isFailing;
  }

  /** The process will end at one of the next operations: before it, after it, or half-way through. */
  crashSoon(kind: CrashKind, operationsLeft: number): void {
    this.#awaited ??= { kind, operationsLeft };
  }

  /** No process will end any more by {@link crashSoon}. */
  callOff(): void {
    this.#awaited = null;
  }

  /** The machine was without power. */
  losePower(): void {
    this.#names.losePower(this.#world.chance('powerLoss'));
  }

  faceFor(user: DiskUser): Disk {
    return {
      makeFolder: () => this.#later(user, 0, () => undefined),
      list: (folder) =>
        this.#later(user, 0, () => this.#names.within(folder).map((path) => path.slice(folder.length + 1))),
      read: (path) => this.#later(user, 0, () => this.#names.get(path)?.bytes.slice() ?? null),
      write: (path, bytes) =>
        this.#later(user, 0, (part) => {
          const file = this.#create(path);
          file.truncate(0);
          this.#write(file, bytes, 0, part);
        }),
      sync: (path) => this.#sync(user, () => this.#mustBe(path).beginSync()),
      rename: (from, to) =>
        this.#later(user, 0, (part) => {
          if (part === 0) return;
          this.#names.change({ file: this.#mustBe(from), from, to });
        }),
      remove: (path) =>
        this.#later(user, 0, (part) => {
          const file = this.#names.get(path);
          if (file && part > 0) this.#names.change({ file, from: path, to: null });
        }),
      syncFolder: (folder) => this.#sync(user, () => this.#names.beginSync(folder)),
      open: (path) => this.#later(user, 0, () => this.#opened(user, this.#create(path))),
    };
  }

  #opened(user: DiskUser, file: SimulatedFile): DiskFile {
    return {
      length: file.length,
      writeNow: (bytes, at) => this.#now(user, (part) => this.#write(file, bytes, at, part)),
      write: (bytes, at) => this.#later(user, 0, (part) => this.#write(file, bytes, at, part)),
      read: (into, at) =>
        this.#later(user, 0, () => {
          const bytes = file.bytes.subarray(at, at + into.byteLength);
          into.set(bytes);
          return bytes.byteLength;
        }),
      truncateNow: (length) =>
        this.#now(user, (part) => {
          if (part > 0) file.truncate(length);
        }),
      sync: () => this.#sync(user, () => file.beginSync()),
      syncNow: () =>
        this.#now(user, (part) => {
          const end = file.beginSync();
          if (part > 0) end();
        }),
      close: () => this.#later(user, 0, () => undefined),
    };
  }

  /** An operation at once. @param act told how much of it happens, 0 to 1. @throws ProcessEnded */
  #now<T>(user: DiskUser, act: (part: number) => T): T {
    if (user.isDead) throw new ProcessEnded();
    const crash = this.#strikeOf();
    if (!crash) {
      this.#assertWorks(act);
      return act(1);
    }
    this.#world.note('fault', `the process ends in a disk operation (${crash.kind})`);
    act(crash.part);
    user.crash(crash.kind);
    throw new ProcessEnded();
  }

  /** An operation that takes its time, during which the process may end. */
  #later<T>(user: DiskUser, msMax: number, act: (part: number) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const perform = () => {
        if (user.isDead) return;
        this.#world.touch();
        const crash = this.#strikeOf();
        try {
          if (!crash) this.#assertWorks(act);
          const outcome = act(crash?.part ?? 1);
          if (!crash) return resolve(outcome);
        } catch (error) {
          if (!crash) return reject(error);
        }
        if (!crash) return;
        this.#world.note('fault', `the process ends in a disk operation (${crash.kind})`);
        user.crash(crash.kind);
      };
      if (user.isDead) return;
      const delayMs = this.#delayMs(msMax);
      if (delayMs === 0) perform();
      else this.#world.scheduler.after(delayMs, perform);
    });
  }

  /** A sync: what it promises holds when it has ended. */
  #sync(user: DiskUser, begin: () => () => void): Promise<void> {
    if (user.isDead) return new Promise(() => undefined);
    let end: () => void;
    try {
      end = begin();
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#later(user, syncMsMax, (part) => {
      if (part > 0) end();
    });
  }

  #delayMs(msMax: number): number {
    const slow = this.#world.intensity('diskSlow');
    const chance = this.#world.chance('disk');
    const stalls = this.#world.strikes('diskStalls', stallShare);
    const stalledMs = stalls ? this.#world.chance('diskStalls').between(stallMs.from, stallMs.to) : 0;
    return chance.between(0, msMax) + (slow > 0 ? chance.between(0, slowMsMax * slow) : 0) + stalledMs;
  }

  /** @param act what is to be done, of which a part may be, if the operation fails. @throws EIO */
  #assertWorks(act: (part: number) => unknown): void {
    if (!this.#isFailing || !this.#world.strikes('diskFails', failingShare)) return;
    this.#failures += 1;
    const chance = this.#world.chance('diskFails');
    act(chance.pick([0, chance.between(0, 1)]));
    throw systemError('EIO');
  }

  /** Counts an operation. @returns how the process ends in it, and how much of it happens first; null: it does not. */
  #strikeOf(): { kind: CrashKind; part: number } | null {
    this.operations += 1;
    const awaited = this.#awaited;
    if (!awaited) return null;
    awaited.operationsLeft -= 1;
    if (awaited.operationsLeft >= 0) return null;
    this.#awaited = null;
    const chance = this.#world.chance('crash');
    return { kind: awaited.kind, part: chance.pick([0, 1, chance.between(0, 1)]) };
  }

  #write(file: SimulatedFile, bytes: Uint8Array, at: number, part: number): void {
    const whole = Math.floor(bytes.byteLength * part);
    const needsRoom = at + bytes.byteLength > file.length;
    if (this.#isFull && needsRoom) {
      const some = this.#world.chance('diskFull').below(whole + 1);
      if (some > 0) file.write(bytes.subarray(0, some), at);
      throw systemError('ENOSPC');
    }
    if (whole > 0) file.write(bytes.subarray(0, whole), at);
  }

  #create(path: string): SimulatedFile {
    const there = this.#names.get(path);
    if (there) return there;
    if (this.#isFull) throw systemError('ENOSPC');
    const file = new SimulatedFile();
    this.#names.change({ file, from: null, to: path });
    return file;
  }

  #mustBe(path: string): SimulatedFile {
    const file = this.#names.get(path);
    if (!file) throw systemError('ENOENT');
    return file;
  }
}

const systemError = (code: string): Error => Object.assign(new Error(`${code}: simulated`), { code });
