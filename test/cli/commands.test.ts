import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Status } from '../../src/domain/handle.ts';
import { decodeSafetensors, encodeSafetensors } from '../../src/wire/safetensors.ts';
import { patienceMs, type Server, Workplace } from './processes.ts';

const work = new Workplace();
let server: Server;
beforeAll(async () => {
  server = await work.serve(['--data-dir', 'data', '--rounds', '2', '--min-clients', '1', '--no-auto-start']);
}, patienceMs);
afterAll(() => work.close());

const ask = (...args: string[]) => work.run(args, { CHORUS_URL: server.url, CHORUS_DATA_DIR: 'data' });
const model = (values: number[], metadata: Record<string, string> = {}) =>
  encodeSafetensors({ w: { dtype: 'F32', shape: [values.length], data: Float32Array.from(values) } }, metadata);

async function post<T>(path: string, token: string | null, body: unknown = {}): Promise<T> {
  const headers = { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) };
  const response = await fetch(`${server.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  expect(response.ok, `${path}: ${response.status}`).toBe(true);
  return (await response.json()) as T;
}

interface Ticket {
  round: number;
  aggregatorUrl: string;
  trainingToken: string;
}

/** A client that registers, waits until it is selected, and uploads one update. */
async function contribute(values: number[]): Promise<void> {
  const { clientId, clientToken } = await post<{ clientId: string; clientToken: string }>('/v1/clients', null);
  let state = '';
  while (state !== 'selected') {
    const headers = { authorization: `Bearer ${clientToken}`, prefer: 'wait=30' };
    const answer = await fetch(`${server.url}/v1/clients/${clientId}/heartbeat`, { method: 'POST', headers });
    expect(answer.status).toBe(200);
    ({ state } = (await answer.json()) as { state: string });
  }
  const ticket = await post<Ticket>(`/v1/clients/${clientId}/training`, clientToken);
  const uploaded = await fetch(`${ticket.aggregatorUrl}/v1/rounds/${ticket.round}/updates/${clientId}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${ticket.trainingToken}` },
    body: model(values, { num_examples: '1', metrics: '{"loss":0.25}' }),
  });
  expect(uploaded.status, await uploaded.text()).toBe(200);
  const left = await fetch(`${server.url}/v1/clients/${clientId}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${clientToken}` },
  });
  expect(left.status).toBe(204);
}

describe('a running server', { timeout: 3 * patienceMs }, () => {
  it('has nothing to tell before its first run, and says so', async () => {
    expect((await ask('status')).stdout).toContain('Run        none yet');
    expect((await ask('why')).stdout).toBe(
      'No run was started yet; nothing happens until somebody starts one with POST /v1/runs.\n',
    );
    expect((await ask('rounds')).stdout).toBe('No round was opened yet.\n');
    expect((await ask('models')).stdout).toBe('No model was committed yet.\n');
    expect(await ask('models', 'download', 'latest', '--out', 'none.safetensors')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'chorus: MODEL_UNKNOWN: No model was committed yet\n  GET /v1/models lists them.\n',
    });
  });

  it('lists its clients to its operator, whose whole ids go with other commands', async () => {
    expect((await ask('clients')).stdout).toBe('No such client is registered.\n');
    const joined: { clientId: string; clientToken: string }[] = [];
    for (const name of ['site \u001b[31m7', 'site 8']) joined.push(await post('/v1/clients', null, { name }));
    const { stdout } = await ask('clients', '--state', 'waiting');
    const [head, ...rows] = stdout.trim().split('\n');
    expect(head).toMatch(/^Client +State +Last heard of +Name$/);
    expect(rows.map((row) => row.split(/\s{2,}/).at(-1)).sort()).toEqual(['site 7', 'site 8']);
    for (const { clientId } of joined) expect(stdout).toContain(`${clientId}  waiting`);
    const one = await ask('clients', '--limit', '1');
    expect(one.stdout.trim().split('\n')).toHaveLength(2);
    expect(one.stderr).toBe('There are more than these 1; --limit shows more.\n');
    for (const id of ['', joined[0]?.clientId.slice(0, 8) ?? '', 'zzz']) {
      const short = await ask('why', '--client', id);
      expect(short).toMatchObject({ code: 2, stdout: '' });
      expect(short.stderr).toContain('Give the whole id of a client, as "chorus clients" lists it.');
    }
    for (const { clientId, clientToken } of joined) {
      const headers = { authorization: `Bearer ${clientToken}` };
      await fetch(`${server.url}/v1/clients/${clientId}`, { method: 'DELETE', headers });
    }
  });

  it('starts a run with a plan from file and flags, and an initial model', async () => {
    writeFileSync(work.path('plan.toml'), '[plan]\nrounds = 5\n[plan.hyperparameters]\nrate = 0.5\n');
    writeFileSync(work.path('first.safetensors'), model([1, 2]));
    const started = await ask('run', 'start', '--plan', 'plan.toml', '--rounds', '3', '--model', 'first.safetensors');
    expect(started.stderr).toBe('');
    expect(started.stdout).toMatch(
      /^Run [0-9a-f-]{36} started: 3 rounds\.\nInitial model installed: version 1, \d+ bytes\.\n/,
    );
    const run = (await (await fetch(`${server.url}/v1/runs/current`)).json()) as { plan: unknown };
    expect(run.plan).toMatchObject({
      rounds: 3,
      minClients: 1,
      hyperparameters: { rate: 0.5 },
      initialModel: 'upload',
    });
    const again = await ask('run', 'start');
    expect(again.code).toBe(1);
    expect(again.stderr).toMatch(/^chorus: RUN_ACTIVE: Run .*\n {2}Stop it first, or wait until it is finished\.\n$/);
  });

  it('refuses a run whose settings are wrong, before the server is asked', async () => {
    const refused = await ask(
      'run',
      'start',
      '--rounds',
      '1e3',
      '--min-client',
      '2',
      '--initial-model',
      'none',
      '--model',
      'x',
    );
    expect(refused.code).toBe(2);
    expect(refused.stderr.split('\n')).toEqual([
      'chorus: 3 settings are wrong; nothing was started.',
      '  - --min-client is no flag; did you mean --min-clients?',
      '  - Flag --rounds: rounds (--rounds) is "1e3"; give a whole number from 1 to 1000000.',
      expect.stringContaining('--model uploads the initial model, but initialModel (--initial-model) is "none"'),
      '',
    ]);
  });

  it('shows its rounds and models, and hands out a model that is checked', async () => {
    await contribute([3, 4]);
    await server.logged(({ msg }) => msg.startsWith('Round 1/3 committed: 1 contribution, model version 2, '));
    const rounds = await ask('rounds', '--limit', '5');
    expect(rounds.stdout).toMatch(/^Round +Attempt +Outcome/);
    expect(rounds.stdout).toMatch(/\n +1 +\d +committed +1\/1 +– +\S+ m?s +2 +loss 0\.25/);
    const json = JSON.parse((await ask('rounds', '--json')).stdout) as { rounds: { modelVersion: number | null }[] };
    expect(json.rounds.map(({ modelVersion }) => modelVersion)).toContain(2);
    const models = JSON.parse((await ask('models', '--json')).stdout) as { models: { sha256: string }[] };
    expect(models.models).toHaveLength(2);
    expect((await ask('models')).stdout).toContain(models.models[1]?.sha256.slice(0, 12));

    const saved = await ask('models', 'download', 'latest', '--out', 'saved.safetensors');
    expect(saved).toMatchObject({ code: 0, stderr: '' });
    expect(saved.stdout).toMatch(/^Model version 2, \d+ bytes, in saved\.safetensors\n$/);
    const bytes = readFileSync(work.path('saved.safetensors'));
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(models.models[1]?.sha256);
    expect([...(decodeSafetensors(bytes).tensors.w?.data ?? [])]).toEqual([3, 4]);
    expect((await ask('models', 'download', '1', '--out', 'no/such/folder')).stderr).toContain(
      'The model could not be written to no/such/folder',
    );
  });

  it('says why a client was chosen for a round, or was not, to who has the admin token', async () => {
    const { rounds } = JSON.parse((await ask('rounds', '--json')).stdout) as {
      rounds: { round: number; cohort: string[]; phase: string }[];
    };
    const committed = rounds.find(({ phase }) => phase === 'committed');
    const [clientId = ''] = committed?.cohort ?? [];
    expect(await ask('why', '--client', clientId, '--round', String(committed?.round))).toEqual({
      code: 0,
      stdout: `Client ${clientId}, round 1: drawn: 1 of 1 was drawn with equal chance.\n`,
      stderr: '',
    });
    // It has left, and round 2 is open without it.
    const now = await ask('why', '--client', clientId);
    expect(now).toMatchObject({ code: 1, stdout: '' });
    expect(now.stderr).toMatch(/^chorus: CLIENT_UNKNOWN: /);
    expect((await ask('why', '--client', clientId, '--round', '0')).stderr).toContain('Give the number of a round');
    expect(await ask('why', '--round', '1')).toMatchObject({
      code: 2,
      stderr: 'chorus: --round goes with --client: name the client that you ask about.\n',
    });
  });

  it('tells the same in JSON as on its API', async () => {
    const { stdout, code } = await ask('status', '--json');
    expect(code).toBe(0);
    const { uptimeMs: _, ...told } = JSON.parse(stdout) as Status;
    const { uptimeMs: __, ...asked } = (await (await fetch(`${server.url}/v1/status`)).json()) as Status;
    expect(told).toEqual(asked);
  });

  it('pauses, resumes and stops its run, and says what that means', async () => {
    // Nobody takes part, so no round is going on that would have to end first.
    const paused = await ask('run', 'pause');
    expect(paused).toMatchObject({ code: 0, stderr: '' });
    expect(paused.stdout).toContain('The run is paused');
    const twice = await ask('run', 'pause');
    expect(twice.code).toBe(1);
    expect(twice.stderr).toMatch(/^chorus: RUN_STATE: .*\n {2}\S/);
    expect((await ask('run', 'resume')).code).toBe(0);
    const stopped = await ask('run', 'stop', '--json');
    expect(JSON.parse(stopped.stdout)).toMatchObject({ runState: 'stopped' });
    expect((await ask('why')).stdout).toContain('The run was stopped');
  });

  it('asks for the right admin token', async () => {
    writeFileSync(work.path('wrong'), 'not the token of this server\n'.replaceAll(' ', '-'), { mode: 0o600 });
    const wrong = await ask('run', 'start', '--admin-token-file', 'wrong');
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toContain('chorus: ADMIN_TOKEN_INVALID: ');
    expect(wrong.stderr).not.toContain('not-the-token');
  });

  it('can be watched: a line for every change', async () => {
    const watching = work.spawn(['status', '--watch', '--url', server.url]);
    let said = '';
    const seen = (text: string) =>
      new Promise<void>((resolve, reject) => {
        const look = () => said.includes(text) && resolve();
        watching.stdout?.on('data', look);
        watching.once('exit', () => reject(new Error(`It ended without "${text}": ${said}`)));
        look();
      });
    watching.stdout?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await seen('The run was stopped');
    expect(await ask('run', 'start', '--min-clients', '1')).toMatchObject({ code: 0 });
    await seen('round 1/2 selecting');
    expect(await ask('run', 'stop')).toMatchObject({ code: 0 });
    const ended = new Promise((resolve) => watching.once('exit', resolve));
    watching.kill('SIGINT');
    expect(await ended).toBe(0);
    expect(said.trim().split('\n').length).toBeLessThan(10);
  });
});

describe('a server that is not there', { timeout: 2 * patienceMs }, () => {
  it('is named in one sentence that says how to start one', async () => {
    const gone = await work.serve(['--storage', 'memory']);
    await gone.stop();
    for (const args of [
      ['status'],
      ['why'],
      ['rounds'],
      ['models'],
      ['status', '--watch'],
      ['tail'],
      ['operate', 'stop', '--yes', '--data-dir', 'data'],
      ['run', 'pause', '--data-dir', 'data'],
    ]) {
      const { code, stdout, stderr } = await work.run([...args, '--url', gone.url]);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toBe(
        `chorus: No server can be reached at ${gone.url} (ECONNREFUSED); start one with "chorus serve", or give its address with --url.\n`,
      );
    }
  });

  it('is not mistaken for something else that answers', async () => {
    const { code, stderr } = await work.run(['status', '--url', server.aggregatorUrl]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/NOT_FOUND|does not speak like Chorus/);
  });
});
