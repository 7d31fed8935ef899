/**
 * The file system, as far as the stores need it. Paths are relative to the data folder, parts divided by `/`. What was
 * written survives the end of the process; what was synced, a loss of power as well. Failures are Node's system errors
 * (`code`: `ENOSPC`, `EROFS`, `EACCES`, `EIO`, …).
 */
export interface Disk {
  /** Makes a folder and those above it, durably; there already is fine. */
  makeFolder(folder: string): Promise<void>;
  /** Names in a folder, in no order; empty when there is no such folder. */
  list(folder: string): Promise<string[]>;
  /** @returns the whole content, the caller’s own, perhaps in shared memory; null when there is no such file. */
  read(path: string): Promise<Uint8Array | null>;
  /** Creates the file, or replaces its content. Not synced. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Syncs a file's content. */
  sync(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** There not being such a file is fine. */
  remove(path: string): Promise<void>;
  /** Syncs which names a folder holds. */
  syncFolder(folder: string): Promise<void>;
  /** Opens a file to append to and to read from; creates it when it is not there. */
  open(path: string): Promise<DiskFile>;
}

/** An open file. */
export interface DiskFile {
  /** Its length when it was opened, bytes. */
  readonly length: number;
  /**
   * Writes at an offset, synchronously: when it returns, the bytes survive the end of the process. @throws a system
   * error; then some of the bytes may be there.
   */
  writeNow(bytes: Uint8Array, at: number): void;
  /** Writes all of the bytes at an offset, beside other writes. They may lie in shared memory and must not change. */
  write(bytes: Uint8Array, at: number): Promise<void>;
  /** Fills `into` from an offset. @returns bytes read; fewer when the file ends. */
  read(into: Uint8Array, at: number): Promise<number>;
  truncateNow(length: number): void;
  /** Syncs the content, its length included. */
  sync(): Promise<void>;
  syncNow(): void;
  close(): Promise<void>;
}
