import { beforeAll, describe, expect, it } from 'vitest';
import { verify } from '../../src/audit/verify.ts';
import { beginReplay, follow } from '../../src/history/replay.ts';
import { statusOf } from '../../src/history/situation.ts';
import { adventure, adventurePlan } from '../history/support/adventure.ts';
import { Scene } from '../history/support/scene.ts';
import { memoryFolder } from './support/memory-folder.ts';

/** Steps of half a second in which a run must come to an end, or wait for its operator. */
const stepsMax = 240;

/** The server that was started after the process ended before a fact was written, and the status it should come back to. */
async function startedAfter(
  { files, atMs }: { files: ReadonlyMap<string, Buffer>; atMs: number },
  durability: 'update' | 'round' = 'update',
): Promise<Scene> {
  return Scene.begin({ plan: adventurePlan, keepUpdates: true, durability, files, nowMs: atMs + 1_000 });
}

/** Clients do what they are told until the run has no further round or waits for its operator. */
async function goOn(scene: Scene): Promise<string> {
  for (let step = 0; step < stepsMax; step += 1) {
    const { runState, population } = scene.handle.status();
    if (runState !== 'running' && runState !== 'pausing') return runState;
    if (population < 3) await scene.join();
    const clients = scene.handle.clients().clients.filter(({ state }) => state !== 'doneAndInactive');
    for (const { clientId, state } of clients) {
      if (scene.handle.status().phase !== 'training') break;
      if (state === 'selected' || state === 'training') await scene.contribute(clientId, [3, step]).catch(() => null);
    }
    await scene.advance(
      500,
      scene.handle
        .clients()
        .clients.filter(({ state }) => state !== 'doneAndInactive')
        .map(({ clientId }) => clientId),
    );
  }
  throw new Error(`The run is still going on: ${scene.handle.status().waitingFor.summary}`);
}

describe('a process that ends between any two facts', () => {
  let recorded: Scene;
  beforeAll(async () => {
    recorded = await adventure();
  });

  it('is followed by one that has all updates that were accepted, and goes on to the end with a history that is right', async () => {
    for (const [seq, before] of recorded.diskBefore) {
      const label = `before fact ${seq}`;
      const past = beginReplay();
      for await (const _ of follow(memoryFolder(recorded.disk).entries(), past, seq - 1));
      const accepted = past.history.open?.record.contributions.map(({ clientId }) => clientId) ?? [];
      const isReplaced = past.history.open && past.history.open.base !== (past.history.current?.version ?? null);

      const scene = await startedAfter(before);
      const { run, contributions } = scene.handle.status();
      if (past.history.run) expect(run, label).toBe(past.history.run.run);
      const found = scene.handle
        .rounds()
        .find(({ contributions: of }) => accepted.every((id) => of.some(({ clientId }) => clientId === id)));
      if (accepted.length > 0 && !isReplaced) {
        expect(found, label).toBeDefined();
        expect([found?.phase === 'committed' ? accepted.length : contributions, found?.phase], label).toEqual([
          accepted.length,
          expect.not.stringMatching('abandoned'),
        ]);
      }
      expect(await goOn(scene), label).toMatch(/^(finished|paused|stopped|idle|awaitingModel)$/);
      await scene.settle();
      expect(scene.crashes, label).toEqual([]);
      const report = await verify(memoryFolder(scene.disk));
      expect(report.problems, label).toEqual([]);
      expect(report.recomputed, label).toBe(report.roundsCommitted);
      expect(statusOf(await replayed(scene)).runState, label).toBe(scene.handle.status().runState);
      scene.kill();
    }
  });
});

describe('a folder whose server is started with another durability each time', () => {
  it('loses nothing that was committed, wherever the one before ended, and goes on to the end', async () => {
    const recorded = await adventure();
    let index = 0;
    for (const [seq, before] of recorded.diskBefore) {
      index += 1;
      if (index % 3 !== 0) continue;
      const label = `before fact ${seq}`;
      const scene = await startedAfter(before, 'round');
      const models = scene.handle.models().map(({ sha256 }) => sha256);
      const { run } = scene.handle.status();
      for (const { clientId } of scene.handle.clients({ state: 'selected' }).clients.slice(0, 1)) {
        await scene.contribute(clientId, [7, index]);
      }
      scene.kill();
      scene.pass(1_000);
      await scene.start({ durability: 'update' });
      expect(scene.handle.status().run, label).toBe(run);
      expect(await goOn(scene), label).toMatch(/^(finished|paused|stopped|idle|awaitingModel)$/);
      expect(
        scene.handle.models().map(({ sha256 }) => sha256),
        label,
      ).toEqual(expect.arrayContaining(models));
      expect(scene.crashes, label).toEqual([]);
      expect((await verify(memoryFolder(scene.disk))).problems, label).toEqual([]);
      scene.kill();
    }
  });
});

async function replayed(scene: Scene) {
  const past = beginReplay();
  for await (const _ of follow(memoryFolder(scene.disk).entries(), past));
  return past;
}
