import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeSafetensors } from '../../src/wire/safetensors.ts';
import { patienceMs, type Server, Workplace } from './processes.ts';

const work = new Workplace();
afterAll(() => work.close());

const start = (...args: string[]) =>
  work.serve(['--data-dir', 'data', '--min-clients', '2', '--rounds', '2', '--keep-updates', ...args]);

interface Client {
  clientId: string;
  clientToken: string;
}

async function post<T>(url: string, token: string | null, headers: Record<string, string> = {}): Promise<T> {
  const authorization: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(url, { method: 'POST', headers: { ...authorization, ...headers } });
  expect(response.ok, `${url}: ${response.status}`).toBe(true);
  return (await response.json()) as T;
}

/** Waits until the client is selected, and uploads two floats. */
async function contribute(server: Server, { clientId, clientToken }: Client, values: number[]): Promise<void> {
  const client = `${server.url}/v1/clients/${clientId}`;
  let state = '';
  while (state !== 'selected')
    ({ state } = await post<{ state: string }>(`${client}/heartbeat`, clientToken, { prefer: 'wait=30' }));
  const { round, trainingToken } = await post<{ round: number; trainingToken: string }>(
    `${client}/training`,
    clientToken,
  );
  const uploaded = await fetch(`${server.aggregatorUrl}/v1/rounds/${round}/updates/${clientId}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${trainingToken}` },
    body: encodeSafetensors(
      { w: { dtype: 'F32', shape: [2], data: Float32Array.from(values) } },
      { num_examples: '1' },
    ) as Uint8Array<ArrayBuffer>,
  });
  expect(uploaded.status, await uploaded.text()).toBe(200);
}

describe('a server that is killed and started again', { timeout: 3 * patienceMs }, () => {
  let clients: Client[];
  let server: Server;
  beforeAll(async () => {
    server = await start();
    clients = await Promise.all([1, 2].map(() => post<Client>(`${server.url}/v1/clients`, null)));
  }, patienceMs);

  it('is new the first time', async () => {
    expect((await server.logged(({ msg }) => msg === 'Listening')).resumed).toBeNull();
  });

  it('is told of while it runs, and verified', async () => {
    await Promise.all(clients.map((client, index) => contribute(server, client, [index, 1])));
    await server.logged(({ msg }) => msg.startsWith('Round 1/2 committed'));
    const replay = await work.run(['replay', 'data']);
    expect(replay).toMatchObject({ code: 0, stderr: '' });
    expect(replay.stdout).toMatch(
      /^No round open \d{4}-\d\d-\d\d\n {6}1 {2}\d\d:\d\d:\d\d\.\d{3} {2}A server began, version /,
    );
    expect(replay.stdout).toMatch(/\n\nRound 1, attempt 1 \S+\n.* opened without a model\n/);
    expect(replay.stdout).toMatch(/Round 1 committed: model version 1 of 2 contributions, SHA-256 [0-9a-f]{12}…\n/);
    expect(replay.stdout).toMatch(/\n\nAfter fact \d+, .* UTC\nRun {8}[0-9a-f-]{36}, running\nRound {6}2\/2, /);
    const verified = await work.run(['verify', 'data']);
    expect(verified).toMatchObject({ code: 0, stderr: '' });
    expect(verified.stdout).toMatch(/made again from their updates +1\n/);
    expect(verified.stdout).toMatch(/\ndata holds what was written to it\.\n$/);
  });

  it('goes on with the round it was in, and says so; its clients need not register again', async () => {
    await contribute(server, clients[0] as Client, [4, 4]);
    await server.stop('SIGKILL');
    server = await start();
    const { resumed, waiting } = await server.logged(({ msg }) => msg === 'Listening');
    expect(resumed).toMatch(/^Goes on with run [0-9a-f-]{36} at round 2 of 2, attempt 1: 1 of 2 updates$/);
    expect(waiting).toMatch(/^Round 2 has 1 of 2 updates/);
    await contribute(server, clients[1] as Client, [6, 6]);
    await server.logged(({ msg }) => msg.startsWith('Round 2/2 committed: 2 contributions'));
    const model = await (await fetch(`${server.url}/v1/models/latest`)).arrayBuffer();
    expect([...new Float32Array(model.slice(-8))]).toEqual([5, 5]);
    expect((await server.stop()).code).toBe(0);
  });

  it('comes back to a run that is finished, and starts no other', async () => {
    const again = await start();
    const { resumed } = await again.logged(({ msg }) => msg === 'Listening');
    expect(resumed).toBe('The run is finished, 2 rounds committed; start another with: chorus run start');
    expect(await (await fetch(`${again.url}/v1/status`)).json()).toMatchObject({ runState: 'finished' });
    await again.stop();
  });

  it('has a past that can be looked at: up to a fact, whole, or as JSON', async () => {
    const { stdout } = await work.run(['replay', 'data', '--json']);
    const now = JSON.parse(stdout);
    expect(now).toMatchObject({
      dataDir: 'data',
      facts: now.seq,
      open: null,
      notes: [],
      status: { runState: 'finished', modelVersion: 2 },
    });
    const then = JSON.parse((await work.run(['replay', 'data', '--json', '--until', '3'])).stdout);
    expect(then).toMatchObject({ facts: 3, seq: 3, status: { modelVersion: null, phase: 'opening' } });
    const beyond = await work.run(['replay', 'data', '--until', '999999']);
    expect(beyond.stdout).toMatch(/There is no fact 999999: the history ends here\.\n$/);
    const whole = await work.run(['replay', 'data', '--all']);
    expect(whole.stdout.split('\n').filter((line) => /^ +\d+ {2}/.test(line))).toHaveLength(now.facts);
  });

  it('is said to be damaged when it is, in words and in JSON, with exit code 1', async () => {
    const [name = ''] = readdirSync(work.path('data/models'));
    const path = join(work.path('data/models'), name);
    const bytes = readFileSync(path);
    rmSync(path);
    const verified = await work.run(['verify', 'data']);
    expect(verified.code).toBe(1);
    expect(verified.stdout).toMatch(/\nfact \d+ {2}Model version \d: models\/[0-9a-f]{64}\.safetensors is missing\.\n/);
    expect(verified.stdout).toMatch(/\ndata does not hold what was written to it: 1 problem\.\n$/);
    const json = await work.run(['verify', 'data', '--json']);
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ dataDir: 'data', problemsTotal: 1, roundsCommitted: 2 });
    writeFileSync(path, bytes);
    expect((await work.run(['verify', 'data'])).code).toBe(0);
  });

  it('does not start on a journal that is damaged, and says what can be done', async () => {
    const path = work.path('data/journal/00000001.log');
    const bytes = readFileSync(path);
    writeFileSync(path, Buffer.concat([bytes.subarray(0, 300), Buffer.from('x'), bytes.subarray(301)]));
    const refused = await work.run(['serve', '--data-dir', 'data', '--port', '0', '--aggregator-port', '0']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(
      /^chorus: journal\/00000001\.log is damaged at line \d+ \(byte \d+\): .* Restore the data folder from a backup\./m,
    );
    expect(readdirSync(work.path('data'))).not.toContain('server.lock');
    const replay = await work.run(['replay', 'data']);
    expect(replay.code).toBe(1);
    expect(replay.stderr).toMatch(/^chorus: journal\/00000001\.log is damaged/);
    writeFileSync(path, bytes);
  });

  it('is no place for a demo, which begins anew', async () => {
    const refused = await work.run([
      'serve',
      '--demo',
      'digits',
      '--data-dir',
      'data',
      '--port',
      '0',
      '--aggregator-port',
      '0',
    ]);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toBe(
      'chorus: The demo begins anew, but data has the history of a server; give a new --data-dir, or none: then nothing is kept.\n',
    );
  });
});

describe('what is no data folder', { timeout: patienceMs }, () => {
  it('is said to be none', async () => {
    for (const command of ['replay', 'verify']) {
      const none = await work.run([command, 'nowhere']);
      expect(none).toMatchObject({ code: 1, stdout: '' });
      expect(none.stderr).toBe(
        'chorus: There is no folder nowhere; give the data folder of a server (its --data-dir).\n',
      );
      expect((await work.run([command, '.'])).stderr).toMatch(/^chorus: \. has no journal folder with anything in it/);
      expect((await work.run([command])).code).toBe(2);
    }
    expect((await work.run(['replay', 'x', '--until', '0'])).stderr).toMatch(
      /'0' is invalid\. Give the number of a fact, from 1/,
    );
  });
});
