import { randomBytes } from 'node:crypto';
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandFailure } from '../failure.ts';
import { lockFolder } from './folder-lock.ts';
import { readOrMakeSecret } from './secret-file.ts';

export const adminTokenFileName = 'admin-token';
const clientKeyFileName = 'client-key';
const keyBytes = 32;
/** Bits that let others put files of their own in place of ours. */
const othersWriteMask = 0o022;

/** A data folder that this process has taken. */
export interface DataFolder {
  readonly path: string;
  /** Key of the clients' tokens: with it, they stay valid over a restart. */
  readonly clientKey: Buffer;
  /** What an operator should know, a sentence each. */
  readonly warnings: readonly string[];
  /** The admin token kept here; made when it is not there. */
  adminToken(): Promise<{ token: string; path: string; isNew: boolean }>;
  release(): Promise<void>;
}

/**
 * Opens the data folder, or makes it (mode 0700), and takes it for this process.
 * @throws {CommandFailure} it cannot be made, another server has it, or one of its secrets is open to others.
 */
export async function openDataFolder(path: string): Promise<DataFolder> {
  await mkdir(path, { recursive: true, mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    throw new CommandFailure(`The data folder ${path} cannot be made: ${error.message}; give another --data-dir.`);
  });
  const release = await lockFolder(path).catch((error: Error) => {
    if (error instanceof CommandFailure) throw error;
    throw new CommandFailure(`The data folder ${path} cannot be used: ${error.message}; give another --data-dir.`);
  });
  try {
    const { secret: clientKey } = await readOrMakeSecret(join(path, clientKeyFileName), () => randomBytes(keyBytes));
    if (clientKey.byteLength < keyBytes) {
      throw new CommandFailure(
        `${join(path, clientKeyFileName)} is damaged: it has ${clientKey.byteLength} bytes, not ${keyBytes}; remove it, and clients register anew.`,
      );
    }
    return { path, clientKey, warnings: await warningsOf(path), adminToken: () => adminTokenIn(path), release };
  } catch (error) {
    await release();
    throw error;
  }
}

async function adminTokenIn(folder: string): Promise<{ token: string; path: string; isNew: boolean }> {
  const path = join(folder, adminTokenFileName);
  const make = () => Buffer.from(`${randomBytes(keyBytes).toString('base64url')}\n`);
  const { secret, isNew } = await readOrMakeSecret(path, make);
  return { token: secret.toString('utf8').trim(), path, isNew };
}

async function warningsOf(path: string): Promise<string[]> {
  const { mode } = await stat(path);
  if (process.platform === 'win32' || (mode & othersWriteMask) === 0) return [];
  return [
    `Others may write to the data folder ${path}, so they could put in keys and models of their own; run: chmod 700 ${path}`,
  ];
}
