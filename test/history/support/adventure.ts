import type { Plan } from '../../../src/domain/plan.ts';
import { vector } from '../../../src/testing/test-chorus.ts';
import { encodeSafetensors } from '../../../src/wire/safetensors.ts';
import { Scene } from './scene.ts';

export const adventurePlan: Partial<Plan> = {
  rounds: 2,
  minClients: 3,
  quorum: 2,
  attemptsMax: 5,
  uploadAttemptsMax: 1,
  onQuorumMissed: 'extend',
  extensionsMax: 1,
  selectionWindowMs: 2_000,
  trainingWindowMs: 6_000,
  aggregationWindowMs: 5_000,
  heartbeatIntervalMs: 1_000,
  heartbeatTimeoutMs: 4_000,
};

/** Runs in which about everything goes wrong that can, over three processes. Every kind of fact is written. */
export async function adventure(): Promise<Scene> {
  const scene = await Scene.begin({ plan: adventurePlan, keepUpdates: true });

  const { handle } = scene;
  const first = [await scene.join('a'), await scene.join(), await scene.join('c')] as const;
  const [a, b, c] = first;

  // Attempt 1: one contribution, one refused, one evicted; nobody to replace them, and the deadline passes twice.
  await scene.contribute(a, [1, 2], 3);
  await scene.train(b);
  await scene.upload(b, [Number.NaN, 0]);
  handle.evict(c);
  await scene.advance(13_000, first);

  // Attempt 2: one restarts, one falls silent, one leaves; others take their places; then the process is gone.
  await scene.advance(1_000, first);
  const d = await scene.join('d');
  await scene.train(a);
  handle.rendezvous({ clientId: a });
  await scene.settle();
  await scene.contribute(d, [4, 4], 2);
  await scene.advance(4_500, [a, b, d]);
  scene.kill();
  scene.pass(2_000);
  await scene.start();
  await scene.train(b);
  await scene.upload(b, [6, 2], 2);
  await scene.advance(3_000, [a, b, d]);

  // Round 2: one is gone after it contributed, one is late.
  const e = await scene.join('e');
  await scene.contribute(a, [1, 1]);
  await scene.contribute(d, [1, 3]);
  scene.handle.leave(d);
  await scene.settle();
  await scene.advance(7_000, [a, b, e]);

  // Another run waits for its model, and is stopped in its first round.
  const { run } = scene.handle.startRun({ initialModel: 'upload', minClients: 2, quorum: 1 });
  await scene.settle();
  await scene.handle.installModel(run, encodeSafetensors(vector([10, 20]), {}));
  await scene.settle();
  await scene.advance(1_000, [a, b, e]);
  scene.handle.stopRun();
  await scene.settle();

  // And another, of deltas, which is paused and gone on with; the process ends in good order in the middle of it.
  scene.handle.startRun({ initialModel: 'latest', updateKind: 'deltas', rounds: 2, minClients: 2, quorum: 2 });
  await scene.advance(1_000, [a, b, e]);
  scene.handle.pauseRun();
  await contributeAll(scene, [a, b, e]);
  await scene.advance(1_000, [a, b, e]);
  scene.handle.resumeRun();
  await scene.advance(1_000, [a, b, e]);
  await scene.contribute(b, [2, 0], 2);
  await scene.close();
  await scene.start();
  // Operators lower the quorum, and take a client out and let it in again.
  const act = { dryRun: false };
  scene.handle.operate({ operation: 'lowerQuorum', quorum: 1 }, act);
  scene.handle.operate({ operation: 'evict', clientId: a }, act);
  scene.handle.operate({ operation: 'readmit', clientId: a }, act);
  await scene.settle();
  await contributeAll(scene, [a, e]);
  await scene.advance(1_000, [a, b, e]);
  return scene;
}

async function contributeAll(scene: Scene, clientIds: readonly string[]): Promise<void> {
  for (const [index, clientId] of clientIds.entries()) {
    await scene.contribute(clientId, [0.5 + index, 0.25], 2 + index);
  }
}
