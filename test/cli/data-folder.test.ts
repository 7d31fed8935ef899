import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDataFolder } from '../../src/cli/server/data-folder.ts';
import { lockFolder } from '../../src/cli/server/folder-lock.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'chorus-folder-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const locks = () => readdirSync(folder).filter((name) => name.startsWith('server.lock'));

describe('the lock of a data folder', () => {
  it('is held by one, given back, and had again', async () => {
    const release = await lockFolder(folder);
    await expect(lockFolder(folder)).rejects.toThrow(`A server (process ${process.pid}) already works in ${folder}`);
    await release();
    expect(locks()).toEqual([]);
    await (await lockFolder(folder))();
  });

  it('goes to exactly one of many who ask at once', async () => {
    const asked = await Promise.allSettled(Array.from({ length: 20 }, () => lockFolder(folder)));
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(locks()).toEqual(['server.lock']);
  });

  it.each([
    ['a process that is gone', JSON.stringify({ pid: 2 ** 22 + 1, startedAt: null })],
    ['nothing readable', '{"pid":'],
    ['no process', '{}'],
  ])('is taken over from %s', async (_, left) => {
    writeFileSync(join(folder, 'server.lock'), left);
    const release = await lockFolder(folder);
    expect(JSON.parse(readFileSync(join(folder, 'server.lock'), 'utf8'))).toMatchObject({ pid: process.pid });
    await release();
  });

  it.runIf(process.platform === 'linux')('is taken over when its process id was given to another process', async () => {
    // As in a container that is started again: the same id, another process.
    writeFileSync(join(folder, 'server.lock'), JSON.stringify({ pid: process.pid, startedAt: 'another-boot 12' }));
    await (await lockFolder(folder))();
  });

  it('goes to exactly one of many who find it left behind', async () => {
    writeFileSync(join(folder, 'server.lock'), JSON.stringify({ pid: 2 ** 22 + 1, startedAt: null }));
    const asked = await Promise.allSettled(Array.from({ length: 20 }, () => lockFolder(folder)));
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(locks()).toEqual(['server.lock']);
  });

  it('is not removed by one who lost it', async () => {
    const release = await lockFolder(folder);
    writeFileSync(join(folder, 'server.lock'), '{"pid":1}');
    await release();
    expect(readFileSync(join(folder, 'server.lock'), 'utf8')).toBe('{"pid":1}');
  });
});

describe('a data folder', () => {
  it('has its key and token made once', async () => {
    const first = await openDataFolder(folder);
    const { token, isNew } = await first.adminToken();
    expect(isNew).toBe(true);
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(first.clientKey.byteLength).toBe(32);
    await first.release();
    const second = await openDataFolder(folder);
    expect(await second.adminToken()).toMatchObject({ token, isNew: false });
    expect(second.clientKey).toEqual(first.clientKey);
    await second.release();
  });

  it.skipIf(process.platform === 'win32')('is refused when others could read its key, and given back', async () => {
    await (await openDataFolder(folder)).release();
    chmodSync(join(folder, 'client-key'), 0o640);
    await expect(openDataFolder(folder)).rejects.toThrow(/client-key holds a secret, but its mode is 0640/);
    expect(locks()).toEqual([]);
  });

  it('is refused when its key is damaged', async () => {
    writeFileSync(join(folder, 'client-key'), 'short', { mode: 0o600 });
    await expect(openDataFolder(folder)).rejects.toThrow(/client-key is damaged: it has 5 bytes, not 32/);
  });

  it.skipIf(process.platform === 'win32')('is said to be open when others may write to it', async () => {
    chmodSync(folder, 0o777);
    const opened = await openDataFolder(folder);
    expect(opened.warnings.join()).toContain(`run: chmod 700 ${folder}`);
    await opened.release();
  });

  it.skipIf(process.platform === 'win32')('is made for its owner only', async () => {
    const opened = await openDataFolder(join(folder, 'new'));
    expect(statSync(join(folder, 'new')).mode & 0o777).toBe(0o700);
    await opened.release();
  });

  it('is refused where a file is', async () => {
    writeFileSync(join(folder, 'file'), '');
    await expect(openDataFolder(join(folder, 'file'))).rejects.toThrow(/The data folder .* cannot be made/);
  });
});
