import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../src/domain/plan.ts';
import type { OwnStrategyName } from '../../src/domain/strategy-choice.ts';
import { createChorus, type StrategyPath, StrategyUnusable } from '../../src/index.ts';
import { decodeSafetensors } from '../../src/wire/safetensors.ts';
import { eventually } from '../http/calls.ts';
import type { Participant } from '../http/participant.ts';
import { TestServer } from '../http/test-server.ts';

const dir = mkdtempSync(join(tmpdir(), 'chorus-test-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

let modules = 0;
/** The file of a module. */
function moduleOf(text: string): string {
  modules += 1;
  const file = join(dir, `strategy-${modules}.mjs`);
  writeFileSync(file, text);
  return file;
}

const own: OwnStrategyName = 'module:own';

/** A server whose runs go by this module, with an initial model of zeros. */
async function serverWith(module: string, plan: Partial<Plan> = {}) {
  const server = await TestServer.forTest({
    strategies: { own: module },
    plan: { rounds: 2, minClients: 3, strategy: own, aggregationWindowMs: 5_000, attemptsMax: 1, ...plan },
  });
  const clients = await server.joinMany(3);
  for (const client of clients) client.stayAlive();
  return { server, clients };
}

/** The values of a version's one tensor. */
async function valuesOf(server: TestServer, version: number): Promise<number[]> {
  const { bytes } = await server.model(version);
  return [...(decodeSafetensors(bytes).tensors.w?.data ?? [])];
}

async function playRound(clients: readonly Participant[], values: readonly (readonly number[])[]): Promise<void> {
  for (const client of clients) await client.waitUntil('selected');
  for (const [index, client] of clients.entries()) await client.contribute(values[index] ?? [], index + 1);
}

/** Adds up what was weighted, and says how often it was asked in this thread. */
const weightedSum = `export default {
  kind: 'gathering',
  contributionsMin: 2,
  settings: { factor: { kind: 'number', default: 1, min: 0, max: 10, help: 'Multiplies it.' } },
  combine({ values, weights, parameters }) {
    const sum = values[0].map((_, index) =>
      parameters.factor * values.reduce((total, value, client) => total + weights[client] * value[index], 0));
    for (const value of values) value.fill(99);
    return sum;
  },
};`;

describe('a strategy of one’s own, from a module', () => {
  it('combines all updates of a round, by its parameters', async () => {
    const { server, clients } = await serverWith(moduleOf(weightedSum), {
      strategyParameters: { factor: 2 },
      rounds: 1,
    });
    await playRound(clients, [
      [1, 2],
      [10, 20],
      [100, 200],
    ]);
    expect(await valuesOf(server, 1)).toEqual([642, 1_284]);
  });

  it('takes a step from the mean, and keeps its state from round to round', async () => {
    const { server, clients } = await serverWith(
      moduleOf(`export default {
        kind: 'running',
        slots: [{ name: 'velocity', initial: 0 }],
        step({ base, delta, state: [velocity] }) {
          const moved = delta.map((change, index) => velocity[index] / 2 + change);
          return { next: base.map((value, index) => value + moved[index]), state: [moved] };
        },
      };`),
    );
    // Without a model to step from, the first is the mean: (2 + 2·2 + 3·2) / 6.
    await playRound(clients, [[2], [2], [2]]);
    await server.model(1);
    await playRound(clients, [[4], [4], [4]]);
    expect(await valuesOf(server, 2)).toEqual([4]);
    expect(server.handle.models().at(-1)?.state?.bytes).toBeGreaterThan(0);
  });

  const faults: readonly [what: string, combine: string, reason: RegExp][] = [
    ['throws', `throw new Error('no such luck')`, /"module:own" failed: no such luck/],
    ['ends its thread', `process.exit(0)`, /"module:own" failed: .*exited/],
    ['loops for ever', `for (;;);`, /"module:own" failed: it took longer than 2000 ms/],
    [
      'fills its heap',
      `const all = []; for (;;) all.push(new Array(1_000_000).fill(all.length));`,
      /"module:own" failed: .*memory/,
    ],
    ['returns too few values', `return values[0].subarray(1)`, /returned 1 values for the aggregate, not 2/],
    ['returns too many values', `return [1, 2, 3]`, /returned 3 values for the aggregate, not 2/],
    ['returns NaN', `return values[0].fill(NaN)`, /returned NaN for the aggregate/],
    ['returns nothing', `return;`, /returned no numbers for the aggregate/],
    ['returns a promise', `return Promise.resolve(values[0])`, /returned no numbers for the aggregate/],
  ];
  it.each(faults)('that %s fails the round with its reason, and nothing else', async (fault, combine, reason) => {
    const { server, clients } = await serverWith(
      moduleOf(
        `export default { kind: 'gathering', combine({ values }) { if (values[0][0] > 5) { ${combine} } return values[0]; } };`,
      ),
      // Only of the one that never ends must the time run out before the test does.
      { aggregationWindowMs: fault === 'loops for ever' ? 2_500 : 60_000 },
    );
    await playRound(clients, [
      [1, 2],
      [1, 2],
      [1, 2],
    ]);
    await server.model(1);
    await playRound(clients, [
      [6, 2],
      [7, 2],
      [8, 2],
    ]);
    await eventually(() => server.handle.status().runState).toBe('paused');
    expect(server.handle.run()?.reason).toMatch(reason);
    expect(server.handle.rounds(1)).toMatchObject([{ phase: 'abandoned', reason: expect.stringMatching(reason) }]);
    // The model, the aggregator and everybody's place are as they were; mended data make the next version.
    expect(server.handle.models()).toHaveLength(1);
    expect(server.handle.status().population).toBe(3);
    expect(server.handle.metrics().aggregatorRestartsTotal).toBe(0);
    server.handle.resumeRun();
    await playRound(clients, [
      [3, 2],
      [3, 2],
      [3, 2],
    ]);
    expect(await valuesOf(server, 2)).toEqual([3, 2]);
  });

  it('that fails between two tasks costs nothing', async () => {
    const { server, clients } = await serverWith(
      moduleOf(`setTimeout(() => { throw new Error('later'); }, 5);
        export default { kind: 'gathering', combine: ({ values }) => values[0] };`),
      { attemptsMax: 3 },
    );
    await playRound(clients, [[1], [1], [1]]);
    await server.model(1);
    await playRound(clients, [[2], [2], [2]]);
    expect(await valuesOf(server, 2)).toEqual([2]);
    expect(server.handle.metrics().aggregatorRestartsTotal).toBe(0);
  });

  it('that pauses the run after as many attempts as the plan allows', async () => {
    const { server, clients } = await serverWith(
      moduleOf(`export default { kind: 'gathering', combine() { throw new Error('never'); } };`),
      { attemptsMax: 2 },
    );
    await playRound(clients, [[1], [1], [1]]);
    await playRound(clients, [[1], [1], [1]]);
    await eventually(() => server.handle.status().runState).toBe('paused');
    expect(server.handle.rounds().map(({ attempt, reason }) => [attempt, reason])).toEqual([
      [2, 'aggregationFailed: The strategy "module:own" failed: never'],
      [1, 'aggregationFailed: The strategy "module:own" failed: never'],
    ]);
  });
});

describe('a server with strategies of one’s own', () => {
  it('is given the module that its own plan names by its path', async () => {
    const file = moduleOf(`export default { kind: 'gathering', combine: ({ values }) => values[0].map(() => 7) };`);
    const path: StrategyPath = `file:${file}`;
    const server = await TestServer.forTest({ plan: { rounds: 1, minClients: 1, strategy: path } });
    const [client] = await server.joinMany(1);
    client?.stayAlive();
    await playRound(client ? [client] : [], [[1, 2]]);
    expect(await valuesOf(server, 1)).toEqual([7, 7]);
    expect(server.handle.run()?.plan.strategy).toMatch(/^module:strategy-\d+$/);
    const taken = createChorus({ plan: { strategy: './own.mjs' }, strategies: { own: file } });
    await expect(taken).rejects.toThrow(/named "own" by its file, but strategyModules .* gives this name to another/);
  });

  it.each([
    ['export const combine = 1;', /it has no default export/],
    ['export default { kind: "middling" };', /its kind is neither/],
    ['export default { kind: "gathering" };', /has no function "combine"/],
    ['export default { kind: "running", combine() {} };', /has no function "step"/],
    ['export default { kind: "running", step() {}, slots: [{ name: "a/b", initial: 0 }] };', /its slots are not/],
    [
      'export default { kind: "gathering", combine() {}, settings: { x: { kind: "any" } } };',
      /its settings are no table/,
    ],
    ['export default { kind: "gathering", combine() {}, contributionsMin: 0 };', /its contributionsMin/],
    ['throw new Error("not today")', /not today/],
    ['process.exit(0)', /cannot be used/],
  ])('does not start with %s', async (text, reason) => {
    const starting = createChorus({ strategies: { own: moduleOf(text) } });
    await expect(starting).rejects.toThrow(StrategyUnusable);
    await expect(createChorus({ strategies: { own: moduleOf(text) } })).rejects.toThrow(reason);
  });

  it('runs no module but those it was given, whatever a plan names', async () => {
    const stranger = moduleOf(weightedSum);
    const server = await TestServer.forTest({ strategies: { own: moduleOf(weightedSum) }, autoStart: false });
    for (const strategy of [`module:${stranger}`, `module:../${stranger}`, 'module:', `file://${stranger}`, stranger]) {
      const answer = await server.order('POST', '/v1/runs', { body: { strategy } });
      expect(answer).toMatchObject({ status: 400, json: { code: 'PLAN_INVALID' } });
    }
    const answer = await server.order('POST', '/v1/runs', { body: { strategy: 'module:other' } });
    expect(answer.json.detail).toContain('which has module:own; start it with --strategy-module other=FILE');
  });

  it('holds a plan against the parameters and the needs of its strategy', async () => {
    const server = await TestServer.forTest({ strategies: { own: moduleOf(weightedSum) }, autoStart: false });
    const start = (plan: object) => server.order('POST', '/v1/runs', { body: { strategy: own, ...plan } });
    expect((await start({ strategyParameters: { factor: 11 } })).json.detail).toMatch(/factor is 11; give a number/);
    expect((await start({ minClients: 1 })).json.detail).toMatch(/module:own needs 2 contributions; there are 1/);
    expect((await start({ minClients: 2 })).status).toBe(201);
  });
});
