import { createHash } from 'node:crypto';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, describe, expect, it } from 'vitest';
import { patienceMs, Workplace } from './processes.ts';

const work = new Workplace();
afterAll(() => work.close());

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe('chorus serve', { timeout: 2 * patienceMs }, () => {
  it('starts, answers, and ends with 0 on Ctrl-C', async () => {
    const server = await work.serve(['--data-dir', 'plain']);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${server.url}/v1/status`)).status).toBe(200);
    expect((await fetch(`${server.aggregatorUrl}/healthz`)).status).toBe(200);
    const { code, stdout } = await server.stop('SIGINT');
    expect(code).toBe(0);
    expect(stdout).toBe('');
    expect(server.records.map(({ msg }) => msg)).toContain('Stopped');
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
  });

  it('ends with 0 on SIGTERM too, and leaves the folder to the next', async () => {
    const first = await work.serve(['--data-dir', 'twice']);
    expect((await first.stop('SIGTERM')).code).toBe(0);
    const second = await work.serve(['--data-dir', 'twice']);
    expect((await second.stop()).code).toBe(0);
  });

  it('keeps its secrets in files for its owner only, and never in the log', async () => {
    const server = await work.serve(['--data-dir', 'secrets', '--log-level', 'trace']);
    expect(modeOf(work.path('secrets'))).toBe('700');
    expect(modeOf(work.path('secrets/admin-token'))).toBe('600');
    expect(modeOf(work.path('secrets/client-key'))).toBe('600');
    const token = readFileSync(work.path('secrets/admin-token'), 'utf8').trim();
    const asked = await fetch(`${server.url}/v1/clients`, { headers: { authorization: `Bearer ${token}` } });
    expect(asked.status).toBe(200);
    const { stderr, stdout } = await server.stop();
    expect(stderr).not.toContain(token);
    expect(stderr).toContain('in secrets/admin-token');
    expect(stdout).toBe('');
  });

  it('keeps clients and admin token over a restart', async () => {
    const first = await work.serve(['--data-dir', 'again']);
    const token = readFileSync(work.path('again/admin-token'), 'utf8');
    const key = readFileSync(work.path('again/client-key'));
    await first.stop();
    const second = await work.serve(['--data-dir', 'again']);
    expect(readFileSync(work.path('again/admin-token'), 'utf8')).toBe(token);
    expect(readFileSync(work.path('again/client-key'))).toEqual(key);
    await second.stop();
  });

  it('refuses a secret that others could read, and says how to mend it', async () => {
    const server = await work.serve(['--data-dir', 'open']);
    await server.stop();
    chmodSync(work.path('open/admin-token'), 0o644);
    const refused = await work.run(['serve', '--data-dir', 'open', '--port', '0', '--aggregator-port', '0']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('open/admin-token holds a secret, but its mode is 0644');
    expect(refused.stderr).toContain('chmod 600 open/admin-token');
    // The folder was given back all the same.
    expect(readdirSync(work.path('open'))).not.toContain('server.lock');
  });

  it('refuses a folder that another server works in, and takes over that of a dead one', async () => {
    const first = await work.serve(['--data-dir', 'shared']);
    const second = await work.run(['serve', '--data-dir', 'shared', '--port', '0', '--aggregator-port', '0']);
    expect(second).toMatchObject({ code: 1, stdout: '' });
    expect(second.stderr).toBe(
      `chorus: A server (process ${first.child.pid}) already works in shared; stop it, or give this one another --data-dir.\n`,
    );
    await first.stop('SIGKILL');
    expect(readdirSync(work.path('shared'))).toContain('server.lock');
    const third = await work.serve(['--data-dir', 'shared']);
    expect((await third.stop()).code).toBe(0);
    expect(readdirSync(work.path('shared')).filter((name) => name.startsWith('server.lock'))).toEqual([]);
  });

  it('refuses an address that others can reach, unless that is meant', async () => {
    const refused = await work.run(['serve', '--host', '0.0.0.0', '--storage', 'memory']);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('Flag --host: host (--host) is "0.0.0.0", which other machines may reach');
    expect(refused.stderr).toContain('add --allow-remote');
    const meant = await work.serve(['--host', '0.0.0.0', '--allow-remote', '--storage', 'memory']);
    expect(meant.records.find(({ msg }) => msg.includes('traffic is not encrypted'))?.level).toBe(40);
    const said = meant.records.map(({ msg }) => msg).join();
    expect(said.includes('which other machines cannot reach')).toBe(meant.aggregatorUrl.includes('//127.0.0.1:'));
    await meant.stop();
  });

  it('names the port that is in use, and the flag', async () => {
    const other = createServer();
    const port = await new Promise<number>((resolve) => {
      other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port));
    });
    try {
      const memory = ['serve', '--storage', 'memory'];
      const first = await work.run([...memory, '--port', String(port), '--aggregator-port', '0']);
      expect(first.code).toBe(1);
      expect(first.stderr).toContain(`Port ${port} on 127.0.0.1 is in use by another process`);
      expect(first.stderr).toContain('--port (0 picks a free one)');
      const second = await work.run([...memory, '--port', '0', '--aggregator-port', String(port)]);
      expect(second.code).toBe(1);
      expect(second.stderr).toContain(`Port ${port} on 127.0.0.1 is in use by another process`);
      expect(second.stderr).toContain('--aggregator-port (0 picks a free one)');
    } finally {
      other.close();
    }
  });

  it('reads a file of settings, and says where in it something is wrong', async () => {
    writeFileSync(
      work.path('good.toml'),
      '[server]\nstorage = "memory"\n[plan]\nrounds = 7\nmin-clients = 1\n[plan.hyperparameters]\nrate = 0.1\n',
    );
    const server = await work.serve(['--config', 'good.toml', '--rounds', '8'], { CHORUS_MIN_CLIENTS: '2' });
    const { plan } = (await (await fetch(`${server.url}/v1/runs/current`)).json()) as { plan: unknown };
    expect(plan).toMatchObject({ rounds: 8, minClients: 2, hyperparameters: { rate: 0.1 } });
    await server.stop();

    writeFileSync(work.path('bad.toml'), '[plan]\nrounds = \n');
    const bad = await work.run(['serve', '--port', 'x'], { CHORUS_CONFIG: 'bad.toml' });
    expect(bad.code).toBe(2);
    expect(bad.stderr).toContain('chorus: 2 settings are wrong; nothing was started.');
    expect(bad.stderr).toMatch(/bad\.toml, line 2, column \d+: /);
    expect(bad.stderr).toContain('Flag --port: port (--port) is "x"');
    const missing = await work.run(['serve', '--config', 'none.toml']);
    expect(missing).toMatchObject({ code: 2 });
    expect(missing.stderr).toContain('The settings file none.toml cannot be read: there is no such file.');
  });

  it('takes the admin token from a variable or a file, unless it could be guessed', async () => {
    const token = createHash('sha256').update('a secret for this test').digest('hex');
    const authorization = `Bearer ${token}`;
    const byVariable = await work.serve(['--data-dir', 'given'], { CHORUS_ADMIN_TOKEN: token });
    expect((await fetch(`${byVariable.url}/v1/clients`, { headers: { authorization } })).status).toBe(200);
    expect((await byVariable.stop()).stderr).not.toContain(token);
    expect(readdirSync(work.path('given'))).not.toContain('admin-token');

    writeFileSync(work.path('token'), `${token}\n`, { mode: 0o600 });
    const byFile = await work.serve(['--storage', 'memory', '--admin-token-file', 'token']);
    expect((await fetch(`${byFile.url}/v1/clients`, { headers: { authorization } })).status).toBe(200);
    await byFile.stop();

    const short = await work.run(['serve', '--storage', 'memory'], { CHORUS_ADMIN_TOKEN: 'hunter2' });
    expect(short.code).toBe(2);
    expect(short.stderr).toContain('The admin token of the variable CHORUS_ADMIN_TOKEN has 7 characters');
    expect(short.stderr).not.toContain('hunter2');
  });

  it('writes nothing and tells no token when it works in memory without a terminal', async () => {
    const before = readdirSync(work.folder);
    const server = await work.serve(['--storage', 'memory']);
    const { adminTokenAt, dataDir } = await server.logged(({ msg }) => msg === 'Listening');
    expect(adminTokenAt).toContain('set CHORUS_ADMIN_TOKEN');
    expect(dataDir).toBeNull();
    await server.stop();
    expect(readdirSync(work.folder)).toEqual(before);
  });

  it('shows people where everything is', async () => {
    const child = work.spawn([
      'serve',
      '--port',
      '0',
      '--aggregator-port',
      '0',
      '--data-dir',
      'people',
      '--inspect',
      '--log-format',
      'pretty',
    ]);
    let said = '';
    await new Promise<void>((resolve, reject) => {
      child.once('exit', () => reject(new Error(said)));
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (said.includes('Ctrl-C')) resolve();
      });
    });
    expect(said).toMatch(/coordinator +http:\/\/127\.0\.0\.1:\d+\n/);
    expect(said).toMatch(/aggregator +http:\/\/127\.0\.0\.1:\d+\n/);
    expect(said).toMatch(/API docs +http:\/\/127\.0\.0\.1:\d+\/docs\n/);
    expect(said).toMatch(/statecharts +http:\/\/127\.0\.0\.1:\d+\/inspect\n/);
    expect(said).toMatch(/data +people\n/);
    expect(said).toMatch(/admin token +in people\/admin-token\n/);
    expect(said).toMatch(/next +Round 1 has 0 of 3 clients/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: no colours without a terminal is what is tested
    expect(said).not.toMatch(/\u001b/);
    child.kill('SIGINT');
  });
});

describe('chorus', { timeout: 2 * patienceMs }, () => {
  it.each([
    [['--version'], 0, /^\d+\.\d+\.\d+\n$/, /^$/],
    [['help'], 0, /serve .*start a server/, /^$/],
    [['help', 'serve'], 0, /--training-window-ms <ms>/, /^$/],
    [['stats'], 2, /^$/, /unknown command 'stats'\n\(Did you mean status\?\)/],
    [['status', '--jsn'], 2, /^$/, /unknown option '--jsn'\n\(Did you mean --json\?\)/],
    [['rounds', '--limit', '5x'], 2, /^$/, /'5x' is invalid. Give a whole number from 1 to 1000/],
    [
      ['models', 'download', 'newest', '--out', 'x'],
      2,
      /^$/,
      /'newest' is invalid for argument 'version'. Give a version, e.g. 3, or latest/,
    ],
    [['status', '--url', 'nowhere'], 2, /^$/, /--url is "nowhere", which is no address of a server/],
    [['serve', '--port'], 2, /^$/, /--port <n>' argument missing/],
    [['run', 'pause'], 2, /^$/, /needs the server's admin token, and there is no chorus-data\/admin-token/],
  ] as [string[], number, RegExp, RegExp][])('answers %j with exit code %i', async (args, code, stdout, stderr) => {
    const answer = await work.run(args);
    expect(answer.stderr).toMatch(stderr);
    expect(answer.stdout).toMatch(stdout);
    expect(answer.code).toBe(code);
  });
});
