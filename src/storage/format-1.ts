import type { ModelInfo } from '../domain/model.ts';
import type { Disk } from './disk.ts';
import { pathOfModel } from './file-model-store.ts';

/**
 * Format 1 of the data folder had no journal: `models/00000001.safetensors` held a model, `models/00000001.json` said what
 * was known of it and made it exist.
 */
const folder = 'models';
const format = 1;
const descriptionName = /^\d{8}\.json$/;

/**
 * Takes over the models of a folder of format 1: their files get the names they have today. The descriptions stay until
 * `forgetFormat1`, so after a crash it can be called again, and answers the same.
 * @returns what is known of them, oldest first; empty for a folder that never had this format.
 * @throws when a description is damaged or of another format; then nothing has changed. @throws a system error.
 */
export async function adoptFormat1(disk: Disk): Promise<ModelInfo[]> {
  const models: ModelInfo[] = [];
  for (const name of await descriptions(disk)) models.push(await readDescription(disk, `${folder}/${name}`));
  models.sort((a, b) => a.version - b.version);
  const files = new Set(await disk.list(folder));
  for (const { version, sha256 } of models) {
    const name = `${String(version).padStart(8, '0')}.safetensors`;
    if (files.has(name)) await disk.rename(`${folder}/${name}`, pathOfModel(sha256));
  }
  if (models.length > 0) await disk.syncFolder(folder);
  return models;
}

/** Removes the descriptions, once the journal has durably what they say. Idempotent. @throws a system error. */
export async function forgetFormat1(disk: Disk): Promise<void> {
  const names = await descriptions(disk);
  for (const name of names) await disk.remove(`${folder}/${name}`);
  if (names.length > 0) await disk.syncFolder(folder);
}

async function descriptions(disk: Disk): Promise<string[]> {
  return (await disk.list(folder)).filter((name) => descriptionName.test(name));
}

async function readDescription(disk: Disk, path: string): Promise<ModelInfo> {
  const text = Buffer.from((await disk.read(path)) ?? []).toString();
  let described: (ModelInfo & { format: number }) | null;
  try {
    described = JSON.parse(text);
  } catch (cause) {
    throw new Error(`${path} is damaged: it holds no JSON`, { cause });
  }
  const { format: found, ...info } = described ?? ({} as ModelInfo & { format: undefined });
  if (found !== format) throw new Error(`${path} has format ${found}; this version reads format ${format}`);
  return info;
}
