import { describe, expect, it } from 'vitest';
import type { Plan } from '../../src/domain/plan.ts';
import { TestChorus, vector } from '../../src/testing/index.ts';
import { encodeSafetensors } from '../../src/wire/safetensors.ts';

/** Of 100 float32 values, some 500 bytes as a file. */
const update = vector(Array.from({ length: 100 }, (_, index) => index));

/** Three updates are needed together; there is memory for two, and nothing is on a disk. */
async function begin(plan: Partial<Plan>, stagingBytesMax = 1_100) {
  return TestChorus.create({
    plan: { rounds: 1, minClients: 3, quorum: 3, strategy: 'fedmedian', attemptsMax: 2, ...plan },
    stagingBytesMax,
  });
}

const sentence =
  /fedmedian needs all updates of a round at once\. The quorum of 3 takes (\d+) bytes of staging memory, and there are 1100 \(--staging-bytes-max\), so no round could be committed; raise it to \1/;

describe('a quorum of updates that cannot be in memory together', () => {
  it('is said when the round begins, where the model is known, and the run pauses for it', async () => {
    const test = await begin({ initialModel: 'upload' });
    const clients = await test.joinMany(3);
    await test.handle.installModel(test.handle.run()?.run ?? '', encodeSafetensors(update, {}));
    await test.settle();
    expect(test.handle.status()).toMatchObject({
      runState: 'paused',
      waitingFor: { summary: expect.stringMatching(sentence) },
    });
    expect(clients.map(({ state }) => state)).toEqual(['waiting', 'waiting', 'waiting']);
    expect(test.handle.rounds()).toEqual([]);
  });

  it('is said when the first update has come, where that is the first model', async () => {
    const test = await begin({});
    const clients = await test.joinMany(3);
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      expect(test.handle.status()).toMatchObject({ phase: 'training', attempt });
      await clients[0]?.start();
      await expect(clients[0]?.upload(update)).rejects.toMatchObject({ code: 'UPDATE_DISCARDED' });
      await test.settle();
    }
    expect(test.handle.rounds(1)).toMatchObject([{ phase: 'abandoned', reason: expect.stringMatching(sentence) }]);
    expect(test.handle.status()).toMatchObject({
      runState: 'paused',
      waitingFor: { summary: expect.stringMatching(sentence) },
    });
    expect(test.crashes).toEqual([]);
  });

  it.each([
    ['there is memory for it', {}, 4_000],
    ['the strategy sums updates as they come', { strategy: 'fedavg' } as const, 1_100],
    ['one is enough', { quorum: 1 }, 1_100],
  ])('is no trouble where %s', async (_, plan, stagingBytesMax) => {
    const test = await begin(plan, stagingBytesMax);
    const [a, b] = await test.joinMany(3);
    await a?.start();
    await b?.start();
    await a?.upload(update);
    await b?.upload(update);
    expect(test.handle.status()).toMatchObject({ phase: 'training', contributions: 2 });
  });
});
