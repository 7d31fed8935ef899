import type { UpdatePlace } from '../domain/facts.ts';
import type { Contribution } from '../domain/round-record.ts';
import { nameOfAttempt } from '../storage/file-update-store.ts';
import type { AttemptKey, UpdateStore } from '../storage/update-store.ts';
import type { DataFolder, FolderFile } from './data-folder.ts';
import { sha256Of } from './hashing.ts';

/** Where the updates of an attempt may be, the likelier place first. */
const folders = ['updates', 'staged'] as const;

/** Opens the file of an attempt's updates. @returns null when they were not kept. */
export async function openUpdates(
  folder: DataFolder,
  attempt: AttemptKey,
): Promise<{ path: string; file: FolderFile } | null> {
  for (const parent of folders) {
    const path = `${parent}/${nameOfAttempt(attempt)}`;
    const file = await folder.open(path);
    if (file) return { path, file };
  }
  return null;
}

/** The updates of past attempts, as the aggregator service reads them; nothing is written. */
export class KeptUpdates implements UpdateStore {
  readonly #folder: DataFolder;
  readonly #onBytes: (bytes: number) => void;
  #file: FolderFile | null = null;

  constructor(folder: DataFolder, onBytes: (bytes: number) => void) {
    this.#folder = folder;
    this.#onBytes = onBytes;
  }

  async open(attempt: AttemptKey): Promise<void> {
    await this.close();
    this.#file = (await openUpdates(this.#folder, attempt))?.file ?? null;
  }

  put(): Promise<UpdatePlace> {
    return Promise.reject(new Error('A past attempt takes no updates'));
  }

  async read({ at, bytes }: UpdatePlace, into: Uint8Array): Promise<void> {
    const read = (await this.#file?.read(into.subarray(0, bytes), at)) ?? 0;
    this.#onBytes(read);
    if (read < bytes) throw new Error(`${read} of ${bytes} bytes are there`);
  }

  end(): Promise<void> {
    return this.close();
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }
}

/**
 * Holds each update of an attempt against its receipt. @returns a sentence for each that is not what was accepted.
 * @param places in the order of the contributions.
 */
export async function updateProblems(
  { path, file }: { path: string; file: FolderFile },
  contributions: readonly Contribution[],
  places: readonly UpdatePlace[],
  onBytes: (bytes: number) => void,
): Promise<string[]> {
  const problems: string[] = [];
  for (const [index, { clientId, round, sha256 }] of contributions.entries()) {
    const place = places[index];
    if (!place) continue;
    const found = await sha256Of(file, place, onBytes);
    const label = `Round ${round}: the update of client ${clientId}, ${place.bytes} bytes at ${place.at} of ${path},`;
    if (found.bytes < place.bytes) problems.push(`${label} is cut off: ${found.bytes} bytes of it are there.`);
    else if (found.sha256 !== sha256)
      problems.push(`${label} is not that of its receipt: its SHA-256 is ${found.sha256}.`);
  }
  return problems;
}
