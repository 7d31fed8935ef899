import { rmSync, truncateSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  copyOf,
  edit,
  entriesOf,
  fileIn,
  flipBit,
  type Of,
  rewriteJournal,
  withCheckpoint,
} from './support/real-folder.ts';
import { check, WholeFolder } from './support/whole-folder.ts';

const whole = WholeFolder.forThisFile();
const sentences = async (dir: string) => (await check(dir)).problems.map(({ sentence }) => sentence);

describe('damage is named', () => {
  it('when a bit of a model is flipped', async () => {
    const copy = copyOf(whole.dir);
    flipBit(whole.modelFile(copy, 2), -1);
    expect(await sentences(copy)).toEqual([
      expect.stringMatching(
        /^Model version 2: models\/[0-9a-f]{64}\.safetensors is damaged: its SHA-256 is [0-9a-f]{64}\.$/,
      ),
    ]);
  });

  it('when the model that a round began from is damaged, and then that round is not made again', async () => {
    const copy = copyOf(whole.dir);
    flipBit(whole.modelFile(copy, 1), -1);
    const { problems, notes, recomputed } = await check(copy);
    expect(problems.map(({ sentence }) => sentence)).toEqual([
      expect.stringMatching(/^Model version 1: .* is damaged/),
    ]);
    expect(notes).toEqual([expect.stringMatching(/^Round 2 could not be made again: model version 1/)]);
    expect(recomputed).toBe(1);
  });

  it('when a model is cut off, or gone', async () => {
    const copy = copyOf(whole.dir);
    truncateSync(whole.modelFile(copy, 1), 20);
    rmSync(whole.modelFile(copy, 2));
    expect(await sentences(copy)).toEqual([
      expect.stringMatching(/^Model version 1: .* has 20 bytes, and should have \d+\.$/),
      expect.stringMatching(/^Model version 2: .* is missing\.$/),
    ]);
  });

  it('when a bit of the journal is flipped', async () => {
    const copy = copyOf(whole.dir);
    flipBit(fileIn(copy, 'journal', '1.log'), 200);
    expect(await check(copy)).toMatchObject({
      problems: [
        { seq: null, sentence: expect.stringMatching(/^journal\/00000001\.log is damaged at line \d+ \(byte \d+\)/) },
      ],
    });
  });

  it('when a fact is left out, and the journal is whole in itself', async () => {
    const copy = copyOf(whole.dir);
    await edit(copy, 'training.started', 1, () => null);
    const { problems } = await check(copy);
    expect(problems).toEqual([
      {
        seq: expect.any(Number),
        sentence: expect.stringMatching(
          /^Fact \d+, update\.accepted, cannot have happened: Client .* is selected: trainingEnded does not apply\. What comes after/,
        ),
      },
    ]);
    expect(problems[0]?.sentence).toContain(`Fact ${problems[0]?.seq},`);
  });

  it('when two contributions change places, since their order is that of the sum', async () => {
    const copy = copyOf(whole.dir);
    await rewriteJournal(copy, (entries) => {
      const updates = entries.filter(({ fact }) => fact.type === 'update.accepted');
      const [second, third] = [updates[1], updates[2]];
      // Both have started by then, in the new order as well.
      const moved = entries.filter((entry) => entry !== third);
      const start = entries.find(
        ({ fact }) =>
          fact.type === 'training.started' &&
          third?.fact.type === 'update.accepted' &&
          fact.clientId === third.fact.receipt.clientId,
      );
      const without = moved.filter((entry) => entry !== start);
      const at = second ? without.indexOf(second) : 0;
      return start && third ? without.toSpliced(at, 0, start, third) : [];
    });
    expect(await sentences(copy)).toEqual([
      expect.stringMatching(
        /^Round 1: its 3 updates, summed in their order, make a model with SHA-256 [0-9a-f]{64}; model version 1 is another, /,
      ),
    ]);
  });

  it('when two receipts are exchanged', async () => {
    const copy = copyOf(whole.dir);
    const accepted = (await entriesOf(copy)).flatMap(({ fact }) => (fact.type === 'update.accepted' ? [fact] : []));
    const [first, second] = accepted;
    const give = (from: typeof first) => (fact: Of<'update.accepted'>) => ({
      ...fact,
      receipt: { ...fact.receipt, sha256: from?.receipt.sha256 ?? '' },
    });
    await edit(copy, 'update.accepted', 0, give(second));
    await edit(copy, 'update.accepted', 1, give(first));
    expect(await sentences(copy)).toEqual(
      [first, second].map((fact) =>
        expect.stringMatching(
          new RegExp(
            `^Round 1: the update of client ${fact?.receipt.clientId}, \\d+ bytes at \\d+ of updates/.*, is not that of its receipt`,
          ),
        ),
      ),
    );
  });

  it('when a count is edited in a receipt', async () => {
    const copy = copyOf(whole.dir);
    await edit(copy, 'update.accepted', 0, (fact) => ({ ...fact, receipt: { ...fact.receipt, numExamples: 9 } }));
    expect(await sentences(copy)).toEqual([
      'Round 1: model version 1 says that 3 examples are in it, but its contributions have 11.',
      expect.stringMatching(
        /^Round 1: its updates make no model: The accepted update of client .* its num_examples is not that of its receipt\.$/,
      ),
    ]);
  });

  it('when a count is edited in a commit', async () => {
    const copy = copyOf(whole.dir);
    const wrong = { contributions: 2, metrics: { loss: 0 }, run: 'another' };
    await edit(copy, 'round.committed', 1, (fact) => ({ ...fact, model: { ...fact.model, ...wrong } }));
    expect(await sentences(copy)).toEqual([
      'Round 2: model version 2 says that it is of round 2 of run another.',
      'Round 2: model version 2 says it is of 2 contributions, but 3 were accepted.',
      'Round 2: the metrics of model version 2 are not the means of its contributions’ metrics.',
    ]);
  });

  it('when a round was committed below its quorum', async () => {
    const copy = copyOf(whole.dir);
    await edit(copy, 'run.started', 0, (fact) => ({ ...fact, plan: { ...fact.plan, quorum: 4 } }));
    expect(await sentences(copy)).toEqual([
      'Round 1: it was committed with 3 contributions, below its quorum of 4.',
      'Round 2: it was committed with 3 contributions, below its quorum of 4.',
    ]);
  });

  it('when a round or a version is left out', async () => {
    const copy = copyOf(whole.dir);
    await edit(copy, 'round.opened', 1, (fact) => ({ ...fact, round: 3 }));
    expect((await sentences(copy))[0]).toMatch(
      /^Round 3: it was committed as round 3, attempt 1 of run .*, when round 2, attempt 1 of run .* was due\.$/,
    );
    const other = copyOf(whole.dir);
    await edit(other, 'round.committed', 1, (fact) => ({ ...fact, model: { ...fact.model, version: 3 } }));
    expect(await sentences(other)).toEqual([
      expect.stringMatching(/Model version 3 follows version 1\. What comes after/),
    ]);
  });

  it('when two contributions were at the same place', async () => {
    const copy = copyOf(whole.dir);
    await edit(copy, 'update.accepted', 1, (fact) => ({ ...fact, staged: { at: 8, bytes: 50 } }));
    expect((await sentences(copy))[0]).toBe('Round 1: two contributions were staged at the same place.');
  });

  it('when kept updates are cut off or damaged, each of them', async () => {
    const copy = copyOf(whole.dir);
    truncateSync(whole.updatesOf(copy, 1), 130);
    flipBit(whole.updatesOf(copy, 2), -1);
    const { problems, recomputed } = await check(copy);
    expect(problems.map(({ sentence }) => sentence)).toEqual([
      expect.stringMatching(/^Round 1: .* at 112 of updates\/.* is cut off: 18 bytes of it are there\.$/),
      expect.stringMatching(/^Round 1: .* at 224 of updates\/.* is cut off: 0 bytes of it are there\.$/),
      expect.stringMatching(
        /^Round 2: the update of client .* is not that of its receipt: its SHA-256 is [0-9a-f]{64}\.$/,
      ),
    ]);
    expect(recomputed).toBe(0);
  });

  it('when an update is damaged that the next server would go on with', async () => {
    const copy = copyOf(whole.dir);
    flipBit(whole.updatesOf(copy, 3), -1);
    expect(await sentences(copy)).toEqual([
      expect.stringMatching(/^Round 3: the update of client .* is not that of its receipt/),
    ]);
  });

  it('when a checkpoint says something else than what came before', async () => {
    const copy = copyOf(whole.dir);
    await withCheckpoint(copy, (state) => ({ ...state, models: [] }));
    expect(await sentences(copy)).toEqual([
      expect.stringMatching(/^The checkpoint of fact \d+ is not what the facts before it come to: models\.$/),
    ]);
  });

  it('when a fact is none', async () => {
    const copy = copyOf(whole.dir);
    await edit(copy, 'update.accepted', 0, ({ type }) => ({ type }) as Of<'update.accepted'>);
    expect(await sentences(copy)).toEqual([
      expect.stringMatching(/^Fact \d+, update\.accepted, cannot have happened: it is not as facts of its kind are\./),
    ]);
  });
});
