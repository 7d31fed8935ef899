import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelInfo } from '../domain/model.ts';
import type { ModelStore } from './model-store.ts';

/** Layout: `models/<version>.safetensors` holds the bytes, `models/<version>.json` what is known of them. */
const formatVersion = 1;
/** Models kept in memory, the latest among them: many readers of one model share its bytes. */
const modelsInMemoryMax = 4;
/** Hashing larger pieces at once is slower: their pages are fresh. */
const hashPieceBytes = 131_072;
const nameOf = (version: number) => String(version).padStart(8, '0');

/**
 * Models as files. Each is written under a temporary name, synced and renamed; the description goes last and makes the
 * version exist, so a crash leaves a whole model or none. The latest, and those read last, are kept in memory as well.
 * @throws when the folder cannot be made or read.
 */
export async function openFileModelStore(dataDir: string): Promise<ModelStore> {
  const folder = join(dataDir, 'models');
  await mkdir(folder, { recursive: true });
  const infos = await readInfos(folder);
  /** The one read longest ago comes first. */
  const inMemory = new Map<number, Promise<Uint8Array<SharedArrayBuffer>>>();
  function keep(version: number, bytes: Promise<Uint8Array<SharedArrayBuffer>>): void {
    inMemory.delete(version);
    inMemory.set(version, bytes);
    const latest = [...infos.keys()].at(-1);
    const dropped = [...inMemory.keys()].find((kept) => kept !== latest);
    if (inMemory.size > modelsInMemoryMax && dropped !== undefined) inMemory.delete(dropped);
  }

  return {
    list: () => [...infos.values()],

    async put(info, bytes, signal) {
      const name = nameOf(info.version);
      const model = await writeSynced(join(folder, `${name}.safetensors.tmp`), Buffer.from(bytes));
      const description = Buffer.from(`${JSON.stringify({ format: formatVersion, ...info }, null, 2)}\n`);
      const about = await writeSynced(join(folder, `${name}.json.tmp`), description);
      signal.throwIfAborted();
      // Synchronous from here on: between the commit and its being known, nothing else can happen.
      renameSync(model, join(folder, `${name}.safetensors`));
      renameSync(about, join(folder, `${name}.json`));
      syncFolder(folder);
      infos.set(info.version, info);
      keep(info.version, Promise.resolve(new Uint8Array(bytes)));
    },

    async open(version) {
      const info = infos.get(version);
      if (!info) return null;
      const bytes = inMemory.get(version) ?? readModel(join(folder, `${nameOf(version)}.safetensors`), info);
      keep(version, bytes);
      try {
        return { info, bytes: await bytes };
      } catch (error) {
        inMemory.delete(version);
        throw error;
      }
    },
  };
}

/** @throws when the bytes are not those that were committed. */
async function readModel(file: string, { sha256 }: ModelInfo): Promise<Uint8Array<SharedArrayBuffer>> {
  const content = await readFile(file);
  const hash = createHash('sha256');
  for (let at = 0; at < content.byteLength; at += hashPieceBytes)
    hash.update(content.subarray(at, at + hashPieceBytes));
  if (hash.digest('hex') !== sha256) throw new Error(`${file} is damaged: its SHA-256 is not that of its description`);
  const bytes = new Uint8Array(new SharedArrayBuffer(content.byteLength));
  bytes.set(content);
  return bytes;
}

async function readInfos(folder: string): Promise<Map<number, ModelInfo>> {
  const infos: ModelInfo[] = [];
  for (const file of await readdir(folder)) {
    // What a crash left half-written never was a version.
    if (file.endsWith('.tmp')) await rm(join(folder, file), { force: true });
    if (file.endsWith('.json')) infos.push(await readInfo(join(folder, file)));
  }
  return new Map(infos.sort((a, b) => a.version - b.version).map((info) => [info.version, info]));
}

async function readInfo(file: string): Promise<ModelInfo> {
  const text = await readFile(file, 'utf8');
  let described: (ModelInfo & { format: number }) | null;
  try {
    described = JSON.parse(text);
  } catch (cause) {
    throw new Error(`${file} is damaged: it holds no JSON`, { cause });
  }
  const { format, ...info } = described ?? ({} as ModelInfo & { format: undefined });
  if (format !== formatVersion) {
    throw new Error(`${file} has format ${format}; this version reads format ${formatVersion}`);
  }
  return info;
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<string> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  return path;
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
