import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandFailure } from '../failure.ts';

/** Times a lock that a dead server left behind is cleared away before we give up: others may be starting as well. */
const takeoverAttemptsMax = 3;

/** Who holds a lock. */
interface Holder {
  pid: number;
  /** When its process started, as the system counts it: a later process with the same id is another one. */
  startedAt: string | null;
}

/**
 * Takes a data folder for this process: two servers in one folder would overwrite each other's models. The lock is a
 * file that names the process; one left behind by a server that died is cleared away. It holds on one machine only.
 * @returns a function that gives the folder back. @throws {CommandFailure} a running server has it.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'server.lock');
  const mine = JSON.stringify({ pid: process.pid, startedAt: await startOf(process.pid) } satisfies Holder);
  for (let attempt = 1; attempt <= takeoverAttemptsMax; attempt += 1) {
    if (await createWhole(path, mine)) return () => release(path, mine);
    const found = await readFile(path, 'utf8').catch(() => null);
    if (found === null) continue;
    const holder = readHolder(found);
    if (holder && (await isAlive(holder))) {
      throw new CommandFailure(
        `A server (process ${holder.pid}) already works in ${folder}; stop it, or give this one another --data-dir.`,
      );
    }
    await clearAway(path, found);
  }
  throw new CommandFailure(`${path} cannot be taken: other servers keep starting in ${folder}; start one of them.`);
}

/** Creates the file with its content in one step, so that nobody reads half of it. @returns false when it exists. */
async function createWhole(path: string, content: string): Promise<boolean> {
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, content, { mode: 0o600, flag: 'wx' });
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Removes a dead server's lock, unless somebody has put a new one in its place meanwhile. */
async function clearAway(path: string, dead: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  const isMoved = await rename(path, aside).then(
    () => true,
    () => false,
  );
  if (!isMoved) return;
  const moved = await readFile(aside, 'utf8');
  if (moved !== dead) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}

async function release(path: string, mine: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => null)) === mine) await rm(path, { force: true });
}

function readHolder(text: string): Holder | null {
  try {
    const { pid, startedAt } = JSON.parse(text) as Partial<Holder>;
    return Number.isSafeInteger(pid) ? { pid: Number(pid), startedAt: startedAt ?? null } : null;
  } catch {
    return null;
  }
}

async function isAlive({ pid, startedAt }: Holder): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const start = await startOf(pid);
  return start === null || startedAt === null || start === startedAt;
}

/**
 * Tells processes with the same id apart: containers give the same ids again after each start.
 * @returns boot and start time where the system tells (Linux), else null.
 */
async function startOf(pid: number): Promise<string | null> {
  const [boot, stat] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => null),
    readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null),
  ]);
  if (boot === null || stat === null) return null;
  // The name of the program is in parentheses and may hold blanks; the start time is the 20th field after it.
  const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return ticks === undefined ? null : `${boot.trim()} ${ticks}`;
}
