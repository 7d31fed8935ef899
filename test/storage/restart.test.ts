import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Plan } from '../../src/domain/plan.ts';
import { createChorus } from '../../src/index.ts';
import { decodeSafetensors } from '../../src/wire/safetensors.ts';
import { eventually, expectProblem } from '../http/calls.ts';
import { updateOf } from '../http/participant.ts';
import { TestServer } from '../http/test-server.ts';
import { folderForTest } from '../support/folder.ts';

const start = (dir: string, plan: Partial<Plan> = {}) =>
  TestServer.start({ storage: { dir }, plan: { rounds: 2, minClients: 1, ...plan } });

/** Two committed models in a folder, their server closed. */
async function twoModels(dir: string): Promise<Uint8Array[]> {
  const server = await start(dir);
  const client = await server.join();
  for (const value of [1, 2]) {
    await client.waitUntil('selected');
    await client.contribute([value, value]);
    await server.model(value);
  }
  const models = [await server.model(1), await server.model(2)];
  await client.ask('DELETE');
  await server.close();
  return models.map(({ bytes }) => bytes);
}

/** SHA-256 of the models that the journal says were committed, oldest first. */
function readModels(dir: string): string[] {
  const journal = join(dir, 'journal');
  const text = readdirSync(journal)
    .map((name) => readFileSync(join(journal, name), 'utf8'))
    .join('');
  return [...text.matchAll(/"round.committed".*?"sha256":"([0-9a-f]{64})"/g)].map(([, sha256]) => sha256 ?? '');
}

describe('a server that is started again in its folder', () => {
  it('has the models it had, and goes on from the latest when told', async () => {
    const dir = folderForTest();
    const [first, second] = await twoModels(dir);
    const server = await start(dir);
    onTestFinished(() => server.close());
    expect(server.handle.status()).toMatchObject({ runState: 'finished', modelVersion: 2 });
    server.handle.startRun({ rounds: 1, initialModel: 'latest' });
    expect((await server.ask('GET', '/v1/models')).json.models).toMatchObject([{ version: 1 }, { version: 2 }]);
    expect((await server.ask('GET', '/v1/models/1')).bytes).toEqual(first);
    expect((await server.ask('GET', '/v1/models/latest')).bytes).toEqual(second);
    const client = await server.join();
    await client.waitUntil('selected');
    expect(await client.start()).toMatchObject({ modelVersion: 2, round: 1 });
    expect((await client.download()).bytes).toEqual(second);
    await client.contribute([3, 3]);
    await server.event('round.committed');
    expect(server.handle.models().map(({ version }) => version)).toEqual([1, 2, 3]);
  });

  it('starts anew when told, and takes no version twice', async () => {
    const dir = folderForTest();
    const [first, second] = await twoModels(dir);
    const server = await start(dir);
    onTestFinished(() => server.close());
    server.handle.startRun({ rounds: 1 });
    const client = await server.join();
    await client.waitUntil('selected');
    expect(await client.start()).toMatchObject({ modelVersion: null });
    expect((await client.download()).status).toBe(204);
    await client.contribute([7, 7, 7]);
    await server.event('round.committed');
    expect(server.handle.models().map(({ version }) => version)).toEqual([1, 2, 3]);
    expect((await server.ask('GET', '/v1/models/1')).bytes).toEqual(first);
    expect((await server.ask('GET', '/v1/models/2')).bytes).toEqual(second);
  });

  it('never serves a model whose file is damaged, and says why a run cannot go on from it', async () => {
    const dir = folderForTest();
    const [first] = await twoModels(dir);
    const [, damaged] = readModels(dir);
    const file = join(dir, 'models', `${damaged}.safetensors`);
    const bytes = readFileSync(file);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 0xff;
    writeFileSync(file, bytes);
    const server = await start(dir);
    onTestFinished(() => server.close());
    server.handle.startRun({ initialModel: 'latest' });
    expectProblem(await server.ask('GET', '/v1/models/2'), 'INTERNAL');
    expectProblem(await server.ask('GET', '/v1/models/latest'), 'INTERNAL');
    expect((await server.ask('GET', '/v1/models/1')).bytes).toEqual(first);
    const client = await server.join();
    await eventually(() => server.handle.status().runState).toBe('paused');
    expect((await server.ask('GET', '/v1/status')).json.waitingFor.summary).toMatch(/damaged/);
    expect((await client.beat()).state).toBe('standby');
    expect((await server.ask('GET', '/readyz')).status).toBe(200);
  });

  it('goes on with its run, its clients and the open round as if nothing had happened', async () => {
    const dir = folderForTest();
    const before = await start(dir, { rounds: 1, minClients: 2, heartbeatTimeoutMs: 60_000 });
    const [one, two] = [await before.join(), await before.join()];
    for (const client of [one, two]) await client.waitUntil('selected');
    await one.contribute([1, 3]);
    await two.start();
    const status = before.handle.status();
    await before.close();

    const server = await start(dir);
    onTestFinished(() => server.close());
    expect(server.handle.status()).toMatchObject({
      run: status.run,
      round: 1,
      attempt: 1,
      phase: 'training',
      contributions: 1,
      counts: { training: 1, done: 1 },
      waitingFor: { deadlineAtMs: status.waitingFor.deadlineAtMs },
    });
    expect(server.handle.authenticate(two.clientId, two.clientToken)).toBe(true);
    const again = server.adopt(two);
    expect(await again.start()).toEqual({ ...two.ticket, aggregatorUrl: server.aggregatorUrl });
    expect((await again.upload(updateOf([3, 5]))).status).toBe(200);
    await server.event('round.committed');
    const { tensors } = decodeSafetensors((await server.model(1)).bytes);
    expect([...(tensors.w?.data ?? [])]).toEqual([2, 4]);
  });

  it('takes over the models of a folder that had no journal yet', async () => {
    const dir = folderForTest();
    await twoModels(dir);
    const [first, second] = readModels(dir);
    const before = await start(dir);
    const models = before.handle.models();
    await before.close();
    rmSync(join(dir, 'journal'), { recursive: true });
    for (const [index, sha256] of [first, second].entries()) {
      const name = String(index + 1).padStart(8, '0');
      renameSync(join(dir, 'models', `${sha256}.safetensors`), join(dir, 'models', `${name}.safetensors`));
      writeFileSync(join(dir, 'models', `${name}.json`), JSON.stringify({ format: 1, ...models[index] }));
    }
    const server = await start(dir);
    onTestFinished(() => server.close());
    expect(server.handle.models()).toEqual(models);
    expect(readModels(dir)).toEqual([]);
    expect(readdirSync(join(dir, 'models')).sort()).toEqual([`${first}.safetensors`, `${second}.safetensors`].sort());
  });

  it('does not start over what it does not understand', async () => {
    const dir = folderForTest();
    await twoModels(dir);
    writeFileSync(join(dir, 'models', '00000001.json'), '{"format":99}');
    await expect(createChorus({ storage: { dir } })).rejects.toThrow(/format 99/);
  });
});
