import type { Disk } from './disk.ts';

const fileName = 'client-key';
const draftName = 'client-key.tmp';
/** Fewer could be guessed. */
const keyBytesMin = 32;

/**
 * The key of the clients' tokens that is kept in a folder: with it they stay valid over a restart.
 * @param make a new key, for a folder that has none yet. @throws when the key there is too short. @throws a system error.
 */
export async function openClientKey(disk: Disk, make: () => Uint8Array): Promise<Uint8Array> {
  const kept = await disk.read(fileName);
  if (kept && kept.byteLength >= keyBytesMin) return kept;
  if (kept) {
    throw new Error(
      `${fileName} is damaged: it has ${kept.byteLength} bytes, not ${keyBytesMin}; remove it, and clients register anew.`,
    );
  }
  const key = make();
  await disk.write(draftName, key);
  await disk.sync(draftName);
  await disk.rename(draftName, fileName);
  await disk.syncFolder('');
  return key;
}
