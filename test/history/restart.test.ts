import { describe, expect, it } from 'vitest';
import { Scene } from './support/scene.ts';

const plan = { rounds: 2, minClients: 2, heartbeatTimeoutMs: 10_000, heartbeatIntervalMs: 1_000 };

/** Two clients in training, of which the first has its update accepted; then the process is gone. */
async function killedInTraining(durability: 'update' | 'round' = 'update') {
  const scene = await Scene.begin({ plan, durability });
  const [a, b] = [await scene.join(), await scene.join()];
  await scene.train(b);
  const { trainingToken } = await scene.handle.startTraining(b);
  expect(await scene.contribute(a, [2, 2])).toBeNull();
  scene.kill();
  scene.pass(1_000);
  return { scene, a, b, trainingToken };
}

describe('a client that lives on while the server is killed and started again', () => {
  it('keeps its id, its state and its training token', async () => {
    const { scene, a, b, trainingToken } = await killedInTraining();
    await scene.start();
    expect([scene.handle.client(a).state, scene.handle.client(b).state]).toEqual(['done', 'training']);
    expect(scene.handle.heartbeat(b)).toMatchObject({ state: 'training', round: 1 });
    expect((await scene.handle.startTraining(b)).trainingToken).toBe(trainingToken);
    expect(await scene.upload(b, [4, 4])).toBeNull();
    expect(scene.handle.rounds(2).map(({ phase }) => phase)).toContain('committed');
    expect(scene.handle.models()).toMatchObject([{ contributions: 2 }]);
  });

  it('hears the same receipt for the same bytes, and no to others', async () => {
    const { scene, a } = await killedInTraining();
    await scene.start();
    expect(await scene.upload(a, [2, 2])).toBeNull();
    expect(await scene.upload(a, [3, 3])).toBe('UPDATE_CONFLICT');
    expect(scene.handle.status().contributions).toBe(1);
  });

  it('is lost when it is silent for the timeout after the start, not before', async () => {
    const { scene, a, b } = await killedInTraining();
    scene.pass(60_000);
    await scene.start();
    await scene.advance(9_000, [a]);
    expect(scene.handle.client(b).state).toBe('training');
    await scene.advance(3_000, [a]);
    expect(() => scene.handle.client(b)).toThrow(/No client has the id/);
  });

  it('is not lost for a silence in which it could not be heard, since no port was open', async () => {
    const { scene, a, b } = await killedInTraining();
    await scene.start();
    await scene.advance(9_000, [a]);
    scene.core.countSilence();
    await scene.advance(9_000, [a]);
    expect(scene.handle.client(b).state).toBe('training');
    await scene.advance(3_000, [a]);
    expect(() => scene.handle.client(b)).toThrow(/No client has the id/);
  });

  it('is out of a round of which nothing was written, and takes part in the next attempt', async () => {
    const { scene, a, b } = await killedInTraining('round');
    await scene.start();
    expect(scene.handle.status()).toMatchObject({ round: 1, attempt: 2, contributions: 0, population: 2 });
    expect(await scene.upload(b, [4, 4])).not.toBeNull();
    expect(await scene.contribute(a, [2, 2])).toBeNull();
    expect(await scene.contribute(b, [4, 4])).toBeNull();
    expect(scene.handle.models()).toMatchObject([{ round: 1, contributions: 2 }]);
  });

  it('finds a server that starts again after an eviction of which the round was not written', async () => {
    const scene = await Scene.begin({ plan, durability: 'round' });
    const [a, b] = [await scene.join(), await scene.join()];
    scene.handle.evict(b);
    scene.kill();
    scene.pass(1_000);
    await scene.start();
    expect(await scene.contribute(a, [2, 2])).toBeNull();
    expect(await scene.contribute(b, [4, 4])).toBeNull();
    expect(scene.handle.models()).toMatchObject([{ round: 1, contributions: 2 }]);
  });

  it('hears that an attempt is over that a server with durability "round" does not go on with', async () => {
    const { scene, a, b } = await killedInTraining('update');
    await scene.start({ durability: 'round' });
    expect(scene.handle.rounds().at(-1)).toMatchObject({
      attempt: 1,
      phase: 'abandoned',
      reason: expect.stringMatching(/^restarted: /),
    });
    expect(await scene.upload(b, [4, 4])).toBe('UPDATE_DISCARDED');
    for (const clientId of [a, b]) expect(await scene.contribute(clientId, [1, 1])).toBeNull();
    expect(scene.handle.models()).toHaveLength(1);
  });
});
