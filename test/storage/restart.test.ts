import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Plan } from '../../src/domain/plan.ts';
import { createChorus } from '../../src/index.ts';
import { eventually, expectProblem } from '../http/calls.ts';
import { TestServer } from '../http/test-server.ts';

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'chorus-test-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

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
  await server.close();
  return models.map(({ bytes }) => bytes);
}

describe('a server that is started again in its folder', () => {
  it('has the models it had, and goes on from the latest when told', async () => {
    const dir = folder();
    const [first, second] = await twoModels(dir);
    const server = await start(dir, { rounds: 1, initialModel: 'latest' });
    onTestFinished(() => server.close());
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
    const dir = folder();
    const [first, second] = await twoModels(dir);
    const server = await start(dir, { rounds: 1 });
    onTestFinished(() => server.close());
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
    const dir = folder();
    const [first] = await twoModels(dir);
    const file = join(dir, 'models', '00000002.safetensors');
    const bytes = readFileSync(file);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 0xff;
    writeFileSync(file, bytes);
    const server = await start(dir, { initialModel: 'latest' });
    onTestFinished(() => server.close());
    expectProblem(await server.ask('GET', '/v1/models/2'), 'INTERNAL');
    expectProblem(await server.ask('GET', '/v1/models/latest'), 'INTERNAL');
    expect((await server.ask('GET', '/v1/models/1')).bytes).toEqual(first);
    const client = await server.join();
    await eventually(() => server.handle.status().runState).toBe('paused');
    expect((await server.ask('GET', '/v1/status')).json.waitingFor.summary).toMatch(/damaged/);
    expect((await client.beat()).state).toBe('standby');
    expect((await server.ask('GET', '/readyz')).status).toBe(200);
  });

  it('does not start over what it does not understand', async () => {
    const dir = folder();
    await twoModels(dir);
    writeFileSync(join(dir, 'models', '00000001.json'), '{"format":99}');
    await expect(createChorus({ storage: { dir } })).rejects.toThrow(/format 99/);
  });
});
