import type { Disk } from './disk.ts';
import { keptFolder, nameOfAttempt, stagedFolder } from './file-update-store.ts';
import type { AttemptKey } from './update-store.ts';

/**
 * Removes the updates of attempts that are over, which a process leaves when it ends before their file does. Those of
 * committed rounds stay where they are kept. @param open is gone on with; null: none is. @throws a system error.
 */
export async function removeLeftUpdates(
  disk: Disk,
  open: AttemptKey | null,
  abandoned: readonly AttemptKey[],
): Promise<void> {
  const current = open && nameOfAttempt(open);
  for (const name of await disk.list(stagedFolder)) {
    if (name !== current) await disk.remove(`${stagedFolder}/${name}`);
  }
  const over = new Set(abandoned.map(nameOfAttempt));
  for (const name of await disk.list(keptFolder)) {
    if (over.has(name)) await disk.remove(`${keptFolder}/${name}`);
  }
}
