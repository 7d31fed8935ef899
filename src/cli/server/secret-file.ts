import { randomUUID } from 'node:crypto';
import { open, readFile, rename, stat } from 'node:fs/promises';
import { CommandFailure } from '../failure.ts';

/** Bits that let others than the owner do anything with a file. */
const othersMask = 0o077;

/** Whether others than its owner may do anything with a file. Windows has no such bits. */
export async function isOpenToOthers(path: string): Promise<boolean> {
  return process.platform !== 'win32' && ((await stat(path)).mode & othersMask) !== 0;
}

/**
 * Reads a secret of ours, or makes it. A secret that others could read is not used: it may be known by now.
 * @param make the secret's bytes. @throws {CommandFailure} others may read the file.
 */
export async function readOrMakeSecret(path: string, make: () => Buffer): Promise<{ secret: Buffer; isNew: boolean }> {
  const secret = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw new CommandFailure(`${path} cannot be read: ${error.message}.`);
  });
  if (secret === null) return { secret: await writeSecret(path, make()), isNew: true };
  if (await isOpenToOthers(path)) {
    const mode = ((await stat(path)).mode & 0o777).toString(8).padStart(4, '0');
    throw new CommandFailure(
      `${path} holds a secret, but its mode is ${mode}, so others may have read it; remove it and a new one is made, or, if nobody has, run: chmod 600 ${path}`,
    );
  }
  return { secret, isNew: false };
}

/** Whole or not at all, whatever happens meanwhile; readable by the owner only, from the first moment. */
async function writeSecret(path: string, secret: Buffer): Promise<Buffer> {
  const draft = `${path}.${randomUUID()}`;
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(secret);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  return secret;
}
