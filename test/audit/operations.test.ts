import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDataFolder } from '../../src/audit/data-folder.ts';
import { verify } from '../../src/audit/verify.ts';
import { TestChorus } from '../../src/testing/test-chorus.ts';
import { until } from '../support/until.ts';
import { copyOf, edit, entriesOf } from './support/real-folder.ts';

let whole: string;

/** A round that an operator let commit with two of three contributions. */
beforeAll(async () => {
  whole = mkdtempSync(join(tmpdir(), 'chorus-audit-'));
  const test = await TestChorus.create({ storage: { dir: whole }, plan: { rounds: 3, minClients: 3, quorum: 3 } });
  const clients = await test.joinMany(3);
  await until(() => expect(test.handle.status().phase).toBe('training'));
  for (const client of clients.slice(0, 2)) await client.contribute([1, 2]);
  test.handle.operate({ operation: 'lowerQuorum', quorum: 2 }, { dryRun: false });
  test.handle.operate({ operation: 'evict', clientId: clients[2]?.clientId ?? '' }, { dryRun: false });
  await until(() => expect(test.handle.round(1).phase).toBe('committed'));
  await test.chorus.close({ graceMs: 0 });
});
afterAll(() => rmSync(whole, { recursive: true, force: true }));

const sentences = async (dir: string) =>
  (await verify(await openDataFolder(dir))).problems.map(({ sentence }) => sentence);

describe('what operators did', () => {
  it('is no problem, as it was written', async () => {
    expect((await entriesOf(whole)).map(({ fact }) => fact.type)).toContain('quorum.lowered');
    expect(await sentences(whole)).toEqual([]);
  });

  it.each([
    [
      'a sentence',
      (entry: { sentence: string }) => ({ sentence: `${entry.sentence}!` }),
      /1 of the audit log is not what/,
    ],
    [
      'who it was',
      () => ({ by: 'this process', from: 'loopback' }) as const,
      /1 of the audit log is not what was written/,
    ],
    ['its place', () => ({ seq: 2 }), /entry 2 of the audit log stands in the place of 1/],
    ['what came before it', () => ({ previousHash: 'f'.repeat(64) }), /1 of the audit log does not follow/],
  ])('is told from what was written later: %s', async (_, change, problem) => {
    const copy = copyOf(whole);
    await edit(copy, 'operation', 0, (fact) => ({ ...fact, entry: { ...fact.entry, ...change(fact.entry) } }));
    expect((await sentences(copy))[0]).toMatch(problem);
  });

  it('cannot be left out: the commit was held to a quorum that nobody had lowered', async () => {
    const copy = copyOf(whole);
    // The first is that the server started the run.
    await edit(copy, 'operation', 1, () => null);
    expect(await sentences(copy)).toEqual([
      expect.stringMatching(/entry 3 of the audit log stands in the place of 2/),
      expect.stringMatching(/^Round 1: it was held to a quorum of 2, but by its plan and its operators it was 3\.$/),
    ]);
  });

  it('must have come before the commit that it allowed', async () => {
    const copy = copyOf(whole);
    await edit(copy, 'quorum.lowered', 0, () => null);
    expect(await sentences(copy)).toEqual(['Round 1: it was committed with 2 contributions, below its quorum of 3.']);
  });
});
