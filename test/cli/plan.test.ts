import { readFileSync, writeFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, describe, expect, it } from 'vitest';
import { isStale } from '../../scripts/plan-schema-doc.ts';
import { checkPlan } from '../../src/cli/config/check-plan.ts';
import { planLines } from '../../src/cli/render/plan.ts';
import { plainStyle } from '../../src/cli/render/style.ts';
import { type Plan, planSettings } from '../../src/domain/plan.ts';
import { planSchema } from '../../src/domain/plan-schema.ts';
import { readPlan } from '../../src/domain/read-plan.ts';
import { Workplace } from './processes.ts';

const work = new Workplace();
afterAll(() => work.close());

/** The text of a file in the workplace. */
function write(name: string, text: string): string {
  writeFileSync(work.path(name), text);
  return name;
}

const toml = `"$schema" = "plan.schema.json"
rounds = 50
minClients = 10
participants-ratio = 0.5
evaluateEvery = 5
stopMetric = "accuracy"
stopTarget = 0.95

[hyperparameters]
learningRate = 0.1

[[hyperparametersByRound]]
from-round = 20
values = { learningRate = 0.01 }
`;

describe('the schema of a plan', () => {
  const validate = new Ajv2020({ allowUnionTypes: true }).compile(planSchema());

  it('is that of docs/plan.schema.json', async () => {
    expect(await isStale()).toBe(false);
  });

  it('describes every setting, with its default', () => {
    const { properties } = planSchema() as { properties: Record<string, { default?: unknown; description: string }> };
    const { $schema, ...settings } = properties;
    expect($schema).toBeDefined();
    expect(Object.keys(settings).sort()).toEqual(Object.keys(planSettings).sort());
    for (const [name, { default: usual, description }] of Object.entries(settings)) {
      expect(usual).toEqual(planSettings[name as keyof Plan].default);
      expect(description).toBe(planSettings[name as keyof Plan].help);
    }
  });

  it.each<Record<string, unknown>>([
    {},
    { rounds: 0 },
    { rounds: 1.5 },
    { rounds: '3' },
    { rouns: 3 },
    { quorum: null },
    { rounds: null },
    { participantsRatio: 1.5 },
    { updateNormMax: 0.5 },
    { mode: 'async' },
    { evaluateBy: 'nobody' },
    { stopMetric: 7 },
    { hyperparameters: { rate: 0.1, name: 'a', on: true } },
    { hyperparameters: { rate: [1] } },
    { hyperparametersByRound: [{ fromRound: 2, values: { rate: 1 } }] },
    { hyperparametersByRound: [{ fromRound: 0, values: {} }] },
    { hyperparametersByRound: [{ values: {} }] },
  ])('says of %j what the validation of a plan says', (given) => {
    // The rules between settings are beyond a schema; none is broken here.
    expect(validate(given)).toBe(readPlan(given).problems.length === 0);
  });
});

describe('a plan as a document', () => {
  it('names what is wrong by its key and its place, with the fix', async () => {
    const document = { rounds: 0, 'min-clients': 2, quorum: 5, evaluateBy: 'server', rate: 1 };
    const { problems } = await checkPlan(document, 'plan.toml');
    expect(problems).toMatchObject([
      { key: null, message: expect.stringMatching(/^plan\.toml, rate: it is no setting/) },
      { key: 'rounds', message: 'plan.toml, rounds: rounds (--rounds) is 0; give a whole number from 1 to 1000000.' },
    ]);
    const { rounds: _, rate: __, ...rest } = document;
    expect((await checkPlan(rest, 'plan.toml')).problems.map(({ key }) => key)).toEqual(['quorum', 'evaluateBy']);
  });

  it('is told as what it would do', () => {
    const { plan } = readPlan({
      ...{ rounds: 20, minClients: 10, participantsRatio: 0.25, quorum: 2, attemptsMax: 2, onQuorumMissed: 'extend' },
      ...{ extensionsMax: 1, evaluateEvery: 2, evaluateBy: 'both', evaluationRatio: 0.1, stopMetric: 'loss' },
      ...{ stopDirection: 'min', stopPatience: 3, stopMinDelta: 0.01 },
      hyperparametersByRound: [{ fromRound: 5, values: { rate: 0.01 } }],
    });
    expect(planLines(plan, plainStyle)).toEqual([
      'Rounds       20 rounds, fewer when the goal is reached',
      'Clients      a round opens with 10 registered clients and selects 3 of 10, 25 of 100, 250 of 1000',
      'Selection    uniform',
      'Quorum       2 contributions commit a round; without it the window is extended up to 1 time, then the round is tried again, 2 attempts in all; then the run pauses',
      'Windows      selection 1 min 0 s, training 5 min 0 s, aggregation 1 min 0 s',
      'Longest      an attempt at a round 13 min 5 s, a round with all its attempts 26 min 10 s',
      'Model        from the first updates; clients send whole weights',
      'Strategy     fedavg',
      'Evaluation   after every 2 rounds and the last, at most 1 min 0 s each: the server’s own evaluator (it must be started with --evaluator-module); then 10 % of the clients that can, quorum half of those asked',
      'Goal         the run ends after 3 values in a row that improve nothing by more than 0.01; the best version is that with least loss, by the evaluations',
      'Hyperparams  none',
      '             from round 5: rate = 0.01',
    ]);
  });
});

describe('chorus plan', () => {
  it('checks a plan of TOML or JSON without a server, and says what it would do', async () => {
    const { code, stdout, stderr } = await work.run(['plan', 'check', write('plan.toml', toml)]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^plan\.toml is a valid plan\./);
    expect(stdout).toMatch(
      /Clients +a round opens with 10 registered clients and selects 5 of 10, 50 of 100, 500 of 1000/,
    );
    expect(stdout).toMatch(/from round 20: learningRate = 0\.01/);
    const json = write('plan.json', JSON.stringify({ $schema: './plan.schema.json', rounds: 3 }));
    const answer = await work.run(['plan', 'check', json, '--json']);
    expect(JSON.parse(answer.stdout)).toMatchObject({ valid: true, problems: [], plan: { rounds: 3, minClients: 3 } });
  });

  it('ends with 1 and every problem at once when a plan is wrong, and with 2 when there is none', async () => {
    const file = write('wrong.toml', 'rounds = 0\nminClient = 4\n');
    const wrong = await work.run(['plan', 'check', file]);
    expect({ code: wrong.code, stdout: wrong.stdout }).toEqual({ code: 1, stdout: '' });
    expect(wrong.stderr).toMatch(/wrong\.toml is no plan to run by: 2 problems\./);
    expect(wrong.stderr).toMatch(/wrong\.toml, minClient: it is no setting; did you mean min-clients\?/);
    expect(wrong.stderr).toMatch(/wrong\.toml, rounds: rounds \(--rounds\) is 0; give a whole number/);
    const json = await work.run(['plan', 'check', file, '--json']);
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ valid: false, plan: null, problems: [{}, { key: 'rounds' }] });
    expect((await work.run(['plan', 'check', 'nothing.toml'])).code).toBe(2);
  });

  it('prints its schema', async () => {
    const { stdout } = await work.run(['plan', 'schema']);
    expect(JSON.parse(stdout)).toEqual(planSchema());
    expect(stdout).toBe(readFileSync(new URL('../../docs/plan.schema.json', import.meta.url), 'utf8'));
  });

  it('is what a server is started with, over its file of settings and under its flags', async () => {
    const config = write('chorus.toml', '[plan]\nrounds = 3\nminClients = 4\n');
    const plan = write('run.toml', toml);
    const server = await work.serve(['--storage', 'memory', '--config', config, '--plan', plan, '--rounds', '7']);
    const run = await (await fetch(`${server.url}/v1/runs/current`)).json();
    expect(run).toMatchObject({
      plan: { rounds: 7, minClients: 10, participantsRatio: 0.5, hyperparametersByRound: [{ fromRound: 20 }] },
    });
    const schema = await fetch(`${server.url}/schemas/plan.json`);
    expect(schema.headers.get('content-type')).toMatch(/^application\/schema\+json/);
    expect(await schema.json()).toEqual(planSchema());
  });

  it('that wants an evaluator needs a server that has one, and one that can be used', async () => {
    const flags = ['serve', '--storage', 'memory', '--port', '0', '--aggregator-port', '0', '--evaluate-every', '1'];
    const without = await work.run([...flags, '--evaluate-by', 'server']);
    expect(without.code).toBe(2);
    expect(without.stderr).toMatch(/Flag --evaluate-by: evaluateBy .* start it with --evaluator-module FILE/);
    const missing = await work.run([...flags, '--evaluate-by', 'server', '--evaluator-module', 'nothing.mjs']);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toMatch(/The evaluator module nothing\.mjs cannot be used/);
    expect(missing.stderr).not.toMatch(/unexpected/);
  });
});
