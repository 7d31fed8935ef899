import { describe, expect, it } from 'vitest';
import { Scene } from './support/scene.ts';

const plan = { rounds: 2, minClients: 2, quorum: 2 };

const updatesOn = ({ disk }: Scene) =>
  [...disk.files.keys()].filter((path) => path.startsWith('staged/') || path.startsWith('updates/'));

/** A run was stopped with one update of its round, and the process ended before the file did. */
async function killedAtTheEnd(keepUpdates: boolean) {
  const scene = await Scene.begin({ plan, keepUpdates });
  const [a] = [await scene.join(), await scene.join()];
  await scene.contribute(a, [1]);
  const [path] = updatesOn(scene);
  const bytes = scene.disk.files.get(path ?? '');
  if (path === undefined || !bytes) throw new Error('The update is on the disk');
  scene.handle.stopRun();
  await scene.settle();
  scene.kill();
  scene.disk.files.set(path, bytes);
  return scene;
}

describe('updates of an attempt that is over', () => {
  it.each([true, false])('are gone when the next process has started, keepUpdates %s', async (keepUpdates) => {
    const scene = await killedAtTheEnd(keepUpdates);
    expect(updatesOn(scene)).toHaveLength(1);
    await scene.start();
    expect(scene.handle.status().runState).toBe('stopped');
    expect(updatesOn(scene)).toEqual([]);
  });

  it('are not those of the round that is gone on with, nor those of one that was committed', async () => {
    const scene = await Scene.begin({ plan, keepUpdates: true });
    const [a, b] = [await scene.join(), await scene.join()];
    await scene.contribute(a, [1]);
    await scene.contribute(b, [3]);
    await scene.advance(500, [a, b]);
    await scene.contribute(a, [5]);
    const before = updatesOn(scene);
    expect(before).toHaveLength(2);
    scene.kill();
    await scene.start();
    expect(updatesOn(scene)).toEqual(before);
    expect(scene.handle.status()).toMatchObject({ round: 2, contributions: 1 });
  });
});
