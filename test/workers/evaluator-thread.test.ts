import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import type { ModelBlob } from '../../src/domain/model.ts';
import type { Plan } from '../../src/domain/plan.ts';
import { createChorus } from '../../src/index.ts';
import { encodeSafetensors } from '../../src/wire/safetensors.ts';
import { startEvaluatorThread } from '../../src/workers/evaluator-thread.ts';
import { TestServer } from '../http/test-server.ts';

const dir = mkdtempSync(join(tmpdir(), 'chorus-test-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

let modules = 0;
/** The file of a module. */
function moduleOf(text: string): string {
  modules += 1;
  const file = join(dir, `evaluator-${modules}.mjs`);
  writeFileSync(file, text);
  return file;
}

const sumModule = `
let calls = 0;
export function evaluate({ tensors, metadata, version }) {
  calls += 1;
  const sum = tensors.w.data.reduce((total, value) => total + value, 0);
  tensors.w.data.fill(0);
  return { sum, version, calls, named: Number(metadata.name === 'm') };
}`;

function modelOf(weights: readonly number[], version = 1): ModelBlob {
  const tensors = { w: { dtype: 'F32' as const, shape: [weights.length], data: Float32Array.from(weights) } };
  const encoded = encodeSafetensors(tensors, { name: 'm' });
  const bytes = new Uint8Array(new SharedArrayBuffer(encoded.byteLength));
  bytes.set(encoded);
  const info = { version, run: 'r', round: 1, sha256: '', bytes: bytes.byteLength, createdAtMs: 0 };
  return { info: { ...info, contributions: 1, numExamples: 1, metrics: {} }, bytes };
}

async function start(text: string) {
  const thread = await startEvaluatorThread(moduleOf(text));
  onTestFinished(() => thread.close());
  return thread;
}

const never = new AbortController().signal;

describe('an evaluator on a thread of its own', () => {
  it('is given a copy of each model, and keeps what it has loaded', async () => {
    const thread = await start(sumModule);
    const model = modelOf([1, 2, 3]);
    const before = model.bytes.slice();
    expect(await thread.evaluate(model, never)).toEqual({ sum: 6, version: 1, calls: 1, named: 1 });
    expect(model.bytes).toEqual(before);
    expect(await thread.evaluate(modelOf([4], 2), never)).toEqual({ sum: 4, version: 2, calls: 2, named: 1 });
  });

  it('is ended when it is given up, also in an endless loop, and another takes over', async () => {
    const thread = await start(
      `export const evaluate = ({ version }) => { if (version === 1) for (;;); return { version }; };`,
    );
    const aborter = new AbortController();
    const evaluating = thread.evaluate(modelOf([1]), aborter.signal);
    setImmediate(() => aborter.abort(new Error('too long')));
    await expect(evaluating).rejects.toThrow();
    expect(await thread.evaluate(modelOf([1], 2), never)).toEqual({ version: 2 });
  });

  it('may end its thread, and another takes over', async () => {
    const thread = await start(
      `export const evaluate = ({ version }) => { if (version === 1) process.exit(1); return { version }; };`,
    );
    await expect(thread.evaluate(modelOf([1]), never)).rejects.toThrow();
    expect(await thread.evaluate(modelOf([1], 2), never)).toEqual({ version: 2 });
  });

  it('must load, and export evaluate', async () => {
    await expect(startEvaluatorThread(moduleOf('export const measure = 1;'))).rejects.toThrow(/exports no function/);
    await expect(startEvaluatorThread(moduleOf('throw new Error("no data")'))).rejects.toThrow(/no data/);
    await expect(startEvaluatorThread(join(dir, 'nothing.mjs'))).rejects.toThrow(/cannot be used/);
  });
});

describe('a server with an evaluator module', () => {
  const plan: Partial<Plan> = { rounds: 2, minClients: 1, evaluateEvery: 1, evaluateBy: 'server' };

  it('evaluates each version, and goes on when the module ends its thread or hangs', async () => {
    const evaluator = moduleOf(
      `export const evaluate = ({ version, tensors }) => {
        if (version === 1) process.exit(3);
        if (version === 2) for (;;);
        return { weight: tensors.w.data[0] };
      };`,
    );
    const server = await TestServer.forTest({ plan: { ...plan, rounds: 3, evaluationWindowMs: 500 }, evaluator });
    const client = await server.join();
    client.stayAlive();
    for (let version = 1; version <= 3; version += 1) {
      await client.waitUntil('selected');
      await client.contribute([version, 0]);
      await server.model(version);
    }
    await client.waitUntil('finished');
    const { json } = await server.ask('GET', '/v1/models');
    expect(json.models.map((model: { evaluations: unknown }) => model.evaluations)).toMatchObject([
      [{ by: 'server', failure: expect.stringMatching(/./) }],
      [{ by: 'server', failure: 'It took longer than 500 ms' }],
      [{ by: 'server', metrics: { weight: 3 }, failure: null }],
    ]);
  });

  it('does not start with one that cannot be used', async () => {
    const evaluator = join(dir, 'missing.mjs');
    await expect(createChorus({ plan, evaluator })).rejects.toThrow(/missing\.mjs cannot be used/);
  });

  it('takes no module from a plan', async () => {
    const server = await TestServer.forTest({ plan: { rounds: 1, minClients: 1 }, autoStart: false });
    const body = { evaluatorModule: moduleOf(sumModule) };
    const answer = await server.order('POST', '/v1/runs', { body });
    expect(answer).toMatchObject({ status: 400, json: { code: 'PLAN_INVALID' } });
    const without = await server.order('POST', '/v1/runs', { body: { evaluateEvery: 1, evaluateBy: 'server' } });
    expect(without).toMatchObject({ status: 400, json: { detail: expect.stringMatching(/--evaluator-module/) } });
  });
});
