import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDataFolder } from '../../src/audit/data-folder.ts';
import { type Progress, verify } from '../../src/audit/verify.ts';
import { TestChorus } from '../../src/testing/test-chorus.ts';
import { folderForTest } from '../support/folder.ts';
import { commitTwoRounds, copyOf, entriesOf, fileIn, rewriteJournal, withCheckpoint } from './support/real-folder.ts';
import { check, WholeFolder } from './support/whole-folder.ts';

const whole = WholeFolder.forThisFile();

describe('a folder that holds what was written to it', () => {
  it('has no problems, and its models are made again from their updates', async () => {
    const report = await check(whole.dir);
    expect(report).toMatchObject({
      ...{ runs: 1, roundsCommitted: 2, roundsAbandoned: 0, versions: 2, recomputed: 2, onlyHashed: 0 },
      ...{ problems: [], problemsTotal: 0, notes: [] },
    });
    expect(report.facts).toBe((await entriesOf(whole.dir)).length);
  });

  it('is the same when its journal is written anew', async () => {
    const copy = copyOf(whole.dir);
    await rewriteJournal(copy, (entries) => entries);
    expect(await check(copy)).toMatchObject({ problems: [], recomputed: 2 });
  });

  it('has its models only hashed where updates were not kept', async () => {
    const dir = folderForTest();
    await commitTwoRounds(dir, { keepUpdates: false });
    expect(await check(dir)).toMatchObject({ problems: [], recomputed: 0, onlyHashed: 2, roundsCommitted: 2 });
  });

  it('has its models made again from deltas and the model before', async () => {
    const dir = folderForTest();
    await commitTwoRounds(dir, {}, { updateKind: 'deltas', initialModel: 'upload' });
    expect(await check(dir)).toMatchObject({ problems: [], versions: 3, recomputed: 2, onlyHashed: 1 });
  });

  it('is right with durability "round", where a commit tells all of its round', async () => {
    const dir = folderForTest();
    await commitTwoRounds(dir, { durability: 'round', keepUpdates: false });
    expect(await check(dir)).toMatchObject({ problems: [], onlyHashed: 2, roundsCommitted: 2 });
  });

  it('tells how far it has come, and writes nothing', async () => {
    const steps: Progress[] = [];
    const before = statSync(join(whole.dir, 'journal')).mtimeMs;
    await verify(await openDataFolder(whole.dir), (progress) => steps.push({ ...progress }));
    expect(steps.at(-1)?.rounds).toBe(2);
    expect(steps.every(({ bytes, bytesTotal }) => bytes <= bytesTotal)).toBe(true);
    expect(statSync(join(whole.dir, 'journal')).mtimeMs).toBe(before);
  });

  it('may end in what a running server has half written', async () => {
    const copy = copyOf(whole.dir);
    const file = fileIn(copy, 'journal', '1.log');
    writeFileSync(file, `${readFileSync(file, 'utf8')}0123456789abcdef {"seq":99,"atMs":1,"ty`);
    const report = await check(copy);
    expect(report).toMatchObject({ problems: [], recomputed: 2 });
    expect(report.notes).toEqual([expect.stringMatching(/never written whole/)]);
  });

  it('may have a checkpoint, which says the same as what came before', async () => {
    const copy = copyOf(whole.dir);
    await withCheckpoint(copy, (state) => state);
    expect(await check(copy)).toMatchObject({ problems: [], recomputed: 2 });
  });
});

it('checks what there is when the history before a checkpoint was moved away', async () => {
  const copy = copyOf(whole.dir);
  await withCheckpoint(copy, (state) => state);
  rmSync(fileIn(copy, 'journal', '1.log'));
  const { problems, notes, versions, recomputed, onlyHashed } = await check(copy);
  expect(problems).toEqual([]);
  expect(notes).toEqual([expect.stringMatching(/^The history begins with a checkpoint, fact \d+: /)]);
  expect({ versions, recomputed, onlyHashed }).toEqual({ versions: 2, recomputed: 1, onlyHashed: 1 });
  // And a server goes on from it.
  const { handle, chorus } = await TestChorus.create({ storage: { dir: copy }, keepUpdates: true });
  expect(handle.status()).toMatchObject({ round: 3, contributions: 1, modelVersion: 2, population: 3 });
  await chorus.close({ graceMs: 0 });
});

describe('what is no data folder', () => {
  it('is said to be none', async () => {
    const dir = folderForTest();
    await expect(openDataFolder(join(dir, 'none'))).rejects.toThrow(
      /^There is no folder .*none; give the data folder of a server/,
    );
    await expect(openDataFolder(dir)).rejects.toThrow(
      /has no journal folder with anything in it, so it is no data folder/,
    );
  });
});
