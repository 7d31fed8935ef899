import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { participate, type TrainingTask, tensor } from '../../src/client/index.ts';
import { decodeSafetensors } from '../../src/wire/safetensors.ts';
import { patienceMs, type Server, Workplace } from './processes.ts';

const work = new Workplace();
afterAll(() => work.close());

/** The text of a file in the workplace. */
function write(name: string, text: string): string {
  writeFileSync(work.path(name), text);
  return name;
}

/** Goes by `share` of the mean step in its first round with a model, by twice as much in the next, and so on. */
const eager = `export default {
  kind: 'running',
  settings: { share: { kind: 'number', default: 1, min: 0, max: 4, help: 'How much of the first step is taken.' } },
  slots: [{ name: 'steps', initial: 1 }],
  step: ({ base, delta, state: [steps], parameters }) => ({
    next: base.map((value, at) => value + parameters.share * steps[at] * delta[at]),
    state: [steps.map((count) => count + 1)],
  }),
};`;

const planText = (strategy: string, share = 0.5) =>
  `rounds = 3\nminClients = 2\nheartbeatIntervalMs = 100\nstrategy = ${JSON.stringify(strategy)}\n[strategyParameters]\nshare = ${share}\n`;

beforeAll(() => {
  mkdirSync(work.path('plans'));
  write('plans/eager.mjs', eager);
  write('plans/plan.toml', planText('./eager.mjs'));
});

async function weightOf({ url }: Server, version: number): Promise<number | undefined> {
  const response = await fetch(`${url}/v1/models/${version}`);
  expect(response.status).toBe(200);
  return decodeSafetensors(new Uint8Array(await response.arrayBuffer())).tensors.w?.data[0];
}

const free = ['--port', '0', '--aggregator-port', '0', '--log-format', 'json'];
const inMemory = ['serve', '--storage', 'memory', ...free];

describe('the path of a module as the strategy of a plan', { timeout: 2 * patienceMs }, () => {
  it('is loaded from beside the document, and goes on after the server was killed', async () => {
    const args = ['--data-dir', 'data', '--plan', 'plans/plan.toml'];
    const first = await work.serve(args);
    const { port } = new URL(first.url);
    const aggregatorPort = new URL(first.aggregatorUrl).port;
    let resume: () => void = () => undefined;
    const isBack = new Promise<void>((resolve) => {
      resume = resolve;
    });
    let reachThird: () => void = () => undefined;
    const thirdRound = new Promise<void>((resolve) => {
      reachThird = resolve;
    });
    // The first round makes the first model, 0; later every client moves it by 2.
    const train = async ({ tensors, round }: TrainingTask) => {
      if (round === 3) {
        reachThird();
        await isBack;
      }
      const base = tensors?.w?.data[0];
      return { tensors: { w: tensor([base === undefined ? 0 : base + 2]) }, numExamples: 1 };
    };
    const clients = [1, 2].map(() => participate({ url: first.url, train }));
    await thirdRound;
    await first.stop('SIGKILL');
    const second = await work.serve([...args, '--port', port, '--aggregator-port', aggregatorPort]);
    resume();
    await Promise.all(clients);
    const run = await (await fetch(`${second.url}/v1/runs/current`)).json();
    expect(run).toMatchObject({ state: 'finished', plan: { strategy: 'module:eager' } });
    // 0 + 0.5 · 1 · 2, and then 0.5 · 2 · 2 more: what it had counted was not lost.
    expect(await Promise.all([1, 2, 3].map((version) => weightOf(second, version)))).toEqual([0, 1, 3]);
    await second.stop();
  });

  it('is named when it is not there any more, and a run is not gone on with by another strategy', async () => {
    write('plans/gone.mjs', eager);
    const plan = write('plans/gone.toml', planText('./gone.mjs'));
    const first = await work.serve(['--data-dir', 'gone', '--plan', plan]);
    await first.stop();
    rmSync(work.path('plans/gone.mjs'));
    const without = await work.run(['serve', '--data-dir', 'gone', '--plan', plan, ...free]);
    expect(without.code).toBe(1);
    expect(without.stderr).toMatch(/The strategy module .*plans\/gone\.mjs, named "gone", cannot be used: Cannot find/);
    const other = await work.run(['serve', '--data-dir', 'gone', ...free]);
    expect(other.code).toBe(1);
    expect(other.stderr).toMatch(/goes on by the strategy "module:gone", .* --strategy-module gone=FILE/);
  });

  it.each([
    ['absolute', () => work.path('plans/eager.mjs')],
    ['a URL', () => pathToFileURL(work.path('plans/eager.mjs')).href],
    ['from the folder above', () => '../plans/eager.mjs'],
  ])('may be %s', async (_, path) => {
    const plan = write('plans/other.json', JSON.stringify({ strategy: path(), strategyParameters: { share: 2 } }));
    const { code, stdout, stderr } = await work.run(['plan', 'check', plan]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/Strategy +module:eager, share = 2/);
  });

  it('stands in a file of settings too, or behind the flag', async () => {
    const config = write('plans/chorus.toml', `[plan]\nstrategy = "./eager.mjs"\n`);
    for (const args of [
      ['--config', config],
      ['--strategy', './plans/eager.mjs'],
    ]) {
      const server = await work.serve(['--storage', 'memory', ...args]);
      const run = await (await fetch(`${server.url}/v1/runs/current`)).json();
      expect(run).toMatchObject({ plan: { strategy: 'module:eager' } });
      await server.stop();
    }
  });

  it('is loaded when the plan is checked, and what is wrong with it is told by the key', async () => {
    const check = async (text: string) => {
      const answer = await work.run(['plan', 'check', write('plans/checked.toml', text), '--json']);
      return { code: answer.code, ...(JSON.parse(answer.stdout) as object) };
    };
    const told = (message: RegExp) => ({
      code: 1,
      valid: false,
      problems: [{ key: expect.stringMatching(/^strategy/), message: expect.stringMatching(message) }],
    });
    expect(await check(planText('./eager.mjs', 5))).toMatchObject(told(/share is 5; give a number from 0 to 4/));
    expect(await check(planText('./none.mjs'))).toMatchObject(
      told(
        /checked\.toml, strategy: The strategy module .*plans\/none\.mjs, named "none", cannot be used: Cannot find/,
      ),
    );
    write('plans/empty.mjs', 'export const step = 1;');
    expect(await check(planText('./empty.mjs'))).toMatchObject(told(/it has no default export/));
    write('plans/ends.mjs', 'process.exit(0);');
    expect(await check(planText('./ends.mjs'))).toMatchObject(told(/named "ends", cannot be used/));
    write('plans/a b.mjs', eager);
    expect(await check(planText('./a b.mjs'))).toMatchObject(told(/names are of 1 to 64 letters/));
  });

  it('does not take the name of another module', async () => {
    const modules = ['--strategy-module', 'eager=plans/other.mjs'];
    const { code, stderr } = await work.run([...inMemory, '--plan', 'plans/plan.toml', ...modules]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/plans\/plan\.toml, strategy: .* named "eager" by its file, but strategyModules .* another/);
  });

  it('is refused in a plan that comes over HTTP, with what to do instead', async () => {
    const server = await work.serve(['--storage', 'memory', '--no-auto-start'], { CHORUS_ADMIN_TOKEN: 'a'.repeat(20) });
    const headers = { authorization: `Bearer ${'a'.repeat(20)}`, 'content-type': 'application/json' };
    for (const path of ['./eager.mjs', work.path('plans/eager.mjs'), 'file:///etc/eager.mjs', 'C:\\eager.mjs']) {
      const body = JSON.stringify({ strategy: path });
      const answer = await fetch(`${server.url}/v1/runs`, { method: 'POST', headers, body });
      expect(await answer.json()).toMatchObject({
        status: 400,
        code: 'PLAN_INVALID',
        detail: expect.stringMatching(/the path of a module: .*--strategy-module eager=FILE.*"module:eager"/),
      });
    }
    const env = { CHORUS_URL: server.url, CHORUS_ADMIN_TOKEN: 'a'.repeat(20) };
    const started = await work.run(['run', 'start', '--plan', 'plans/plan.toml'], env);
    expect(started.code).toBe(2);
    expect(started.stderr).toMatch(
      /plans\/plan\.toml, strategy: .*the path of a module: .*--strategy-module eager=FILE/,
    );
    await server.stop();
  });
});
