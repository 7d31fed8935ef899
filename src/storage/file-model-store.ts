import { createHash } from 'node:crypto';
import type { Disk } from './disk.ts';
import type { ModelStore } from './model-store.ts';

const folder = 'models';
/** Models kept in memory, the one stored last among them: many readers of one model share its bytes. */
const modelsInMemoryMax = 4;
/** Hashing larger pieces at once is slower: their pages are fresh. */
const hashPieceBytes = 131_072;
/** Hashed in one turn of the event loop, bytes: a large model takes seconds in all. */
const hashTurnBytes = 32 * hashPieceBytes;
const modelName = /^([0-9a-f]{64})\.safetensors$/;

type SharedBytes = Uint8Array<SharedArrayBuffer>;

export const pathOfModel = (sha256: string): string => `${folder}/${sha256}.safetensors`;

/**
 * Models as files, `models/<SHA-256>.safetensors`. Each is written under a temporary name, synced and renamed, so a crash
 * leaves a whole model or none. The one stored last, and those read last, are kept in memory as well.
 * @throws a system error when the folder cannot be made or read.
 */
export async function openFileModelStore(disk: Disk): Promise<ModelStore> {
  await disk.makeFolder(folder);
  const stored = await tidy(disk);
  const putting = new Map<string, Promise<void>>();
  const inMemory = new Map<string, Promise<SharedBytes>>();
  let newest: string | null = null;

  function keep(sha256: string, bytes: Promise<SharedBytes>): void {
    inMemory.delete(sha256);
    inMemory.set(sha256, bytes);
    const dropped = [...inMemory.keys()].find((kept) => kept !== newest);
    if (inMemory.size > modelsInMemoryMax && dropped !== undefined) inMemory.delete(dropped);
  }

  async function store(sha256: string, bytes: SharedArrayBuffer): Promise<void> {
    if (!stored.has(sha256)) await writeWhole(disk, pathOfModel(sha256), new Uint8Array(bytes));
    stored.add(sha256);
    newest = sha256;
    keep(sha256, Promise.resolve(new Uint8Array(bytes)));
  }

  return {
    has: (sha256) => stored.has(sha256),

    put(sha256, bytes) {
      const put = putting.get(sha256) ?? store(sha256, bytes).finally(() => putting.delete(sha256));
      putting.set(sha256, put);
      return put;
    },

    async open(sha256) {
      if (!stored.has(sha256)) return null;
      const bytes = inMemory.get(sha256) ?? readModel(disk, sha256);
      keep(sha256, bytes);
      try {
        return await bytes;
      } catch (error) {
        if (inMemory.get(sha256) === bytes) inMemory.delete(sha256);
        throw error;
      }
    },
  };
}

/** Removes what a crash left half-written. @returns the models that are there. */
async function tidy(disk: Disk): Promise<Set<string>> {
  const stored = new Set<string>();
  for (const name of await disk.list(folder)) {
    if (name.endsWith('.tmp')) await disk.remove(`${folder}/${name}`);
    const sha256 = modelName.exec(name)?.[1];
    if (sha256) stored.add(sha256);
  }
  // A crash may have come between a rename and its sync: what is taken for stored shall be.
  await disk.syncFolder(folder);
  return stored;
}

async function writeWhole(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.tmp`;
  try {
    await disk.write(draft, bytes);
    await disk.sync(draft);
    await disk.rename(draft, path);
  } catch (error) {
    // Its space may be wanted at once; when it cannot be removed now, the next start does it.
    await disk.remove(draft).catch(() => undefined);
    throw error;
  }
  await disk.syncFolder(folder);
}

/** @throws when the bytes are not those that were stored. */
async function readModel(disk: Disk, sha256: string): Promise<SharedBytes> {
  const path = pathOfModel(sha256);
  const content = await disk.read(path);
  if (!content) throw new Error(`${path} is missing, though it was there when the store was opened`);
  if ((await hashOf(content)) !== sha256) throw new Error(`${path} is damaged: its SHA-256 is not that of its name`);
  return shared(content);
}

async function hashOf(content: Uint8Array): Promise<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < content.byteLength; at += hashPieceBytes) {
    if (at > 0 && at % hashTurnBytes === 0) await new Promise((resolve) => setImmediate(resolve));
    hash.update(content.subarray(at, at + hashPieceBytes));
  }
  return hash.digest('hex');
}

/** The same bytes in a buffer of shared memory that holds nothing else. */
function shared(content: Uint8Array): SharedBytes {
  const { buffer, byteLength } = content;
  if (buffer instanceof SharedArrayBuffer && buffer.byteLength === byteLength) return new Uint8Array(buffer);
  const bytes = new Uint8Array(new SharedArrayBuffer(byteLength));
  bytes.set(content);
  return bytes;
}
