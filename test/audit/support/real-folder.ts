import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Entry, Fact } from '../../../src/domain/facts.ts';
import type { Plan } from '../../../src/domain/plan.ts';
import { History } from '../../../src/history/history.ts';
import { createMapStates } from '../../../src/history/map-states.ts';
import { openFileJournal } from '../../../src/storage/file-journal.ts';
import { readJournal } from '../../../src/storage/journal-reader.ts';
import { openNodeDisk } from '../../../src/storage/node-disk.ts';
import { TestChorus, type TestChorusOptions, vector } from '../../../src/testing/test-chorus.ts';
import { encodeSafetensors } from '../../../src/wire/safetensors.ts';
import { folderForTest } from '../../support/folder.ts';
import { until } from '../../support/until.ts';

export type Of<T extends Fact['type']> = Extract<Fact, { type: T }>;

/** Weights that do not add up to the same in another order: in float64, 1 is lost beside 1e16. */
export const touchyWeights = [1e16, 1, -1e16];

/** A copy of a folder, for one test to damage. */
export function copyOf(dir: string): string {
  const copy = folderForTest();
  cpSync(dir, copy, { recursive: true });
  return copy;
}

/** Lets a real server commit two rounds of three clients in the folder, and ends it. */
export async function commitTwoRounds(dir: string, options: TestChorusOptions = {}, plan: Partial<Plan> = {}) {
  const test = await TestChorus.create({
    storage: { dir },
    keepUpdates: true,
    ...options,
    plan: { rounds: 3, minClients: 3, ...plan },
  });
  const run = test.handle.run()?.run ?? '';
  if (plan.initialModel === 'upload') await test.handle.installModel(run, encodeSafetensors(vector([1, 2]), {}));
  const before = test.handle.models().length;
  const clients = await test.joinMany(3);
  const selected = () => expect(clients.map(({ state }) => state)).toEqual(['selected', 'selected', 'selected']);
  for (const round of [1, 2]) {
    await until(selected);
    for (const [index, client] of clients.entries()) await client.contribute([touchyWeights[index] ?? 0, round], 1);
    await until(() => expect(test.handle.models().length).toBe(before + round));
  }
  await until(selected);
  await clients[0]?.contribute([5, 5], 7);
  expect(test.crashes).toEqual([]);
  await test.chorus.close({ graceMs: 0 });
}

export async function entriesOf(dir: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const entry of readJournal(openNodeDisk(dir), { all: true })) entries.push(entry);
  return entries;
}

/** Writes the journal anew with these entries: its chain of hashes is whole. */
export async function rewriteJournal(dir: string, change: (entries: Entry[]) => Entry[]): Promise<void> {
  const entries = change(await entriesOf(dir));
  rmSync(join(dir, 'journal'), { recursive: true });
  let journal = await openFileJournal(openNodeDisk(dir));
  for (const { fact, atMs } of entries) {
    // A journal that was just opened has its next file ready, which a checkpoint begins.
    if (fact.type === 'checkpoint') {
      await journal.close();
      journal = await openFileJournal(openNodeDisk(dir));
    }
    journal.append([fact], atMs);
  }
  await journal.close();
}

/** The only file in a folder that has this in its name. */
export function fileIn(dir: string, folder: string, part: string): string {
  const [name, ...more] = readdirSync(join(dir, folder)).filter((one) => one.includes(part));
  expect(more).toEqual([]);
  return join(dir, folder, name ?? '');
}

/** Flips one bit. @param at from the end when negative */
export function flipBit(path: string, at: number): void {
  const bytes = readFileSync(path);
  const index = at < 0 ? bytes.byteLength + at : at;
  bytes[index] = (bytes[index] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

/** Changes the facts of one kind, told by their place among them, and writes a journal that is whole in itself. */
export async function edit<T extends Fact['type']>(
  dir: string,
  type: T,
  index: number,
  change: (fact: Of<T>) => Of<T> | null,
): Promise<void> {
  await rewriteJournal(dir, (entries) => {
    const entry = entries.filter(({ fact }) => fact.type === type)[index];
    return entries.flatMap((one): Entry[] => {
      if (one !== entry) return [one];
      const fact = change(one.fact as Of<T>);
      return fact ? [{ ...one, fact }] : [];
    });
  });
}

/** Puts a checkpoint behind the first commit. */
export async function withCheckpoint(
  dir: string,
  change: (state: Of<'checkpoint'>['state']) => Of<'checkpoint'>['state'],
) {
  await rewriteJournal(dir, (entries) => {
    const at = entries.findIndex(({ fact }) => fact.type === 'round.committed') + 1;
    const history = new History(createMapStates());
    for (const entry of entries.slice(0, at)) history.apply(entry);
    const fact = { type: 'checkpoint', state: change(structuredClone(history.checkpoint())) } as const;
    return entries.toSpliced(at, 0, { seq: 0, atMs: history.atMs, fact });
  });
}
