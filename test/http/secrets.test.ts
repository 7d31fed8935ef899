import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { call, eventually, patienceMs } from './calls.ts';
import { updateOf } from './participant.ts';

/** A server in a process of its own, as an operator would embed it; it tells where it listens on its standard output. */
const program = (dir: string) => `
  const { createChorus } = await import(${JSON.stringify(new URL('../../dist/src/index.js', import.meta.url).href)});
  const chorus = await createChorus({
    plan: { rounds: 2, minClients: 1 },
    storage: { dir: ${JSON.stringify(dir)} },
    http: { log: { level: 'trace', pretty: false } },
  });
  const urls = await chorus.listen({ coordinator: 0, aggregator: 0 });
  process.stdout.write(JSON.stringify({ ...urls, adminToken: chorus.adminToken }) + '\\n');
  process.on('SIGTERM', () => chorus.close({ graceMs: 100 }).then(() => process.exit(0)));
  process.on('SIGUSR2', () => chorus.killAggregator());
`;

it('logs tell nothing secret, at whatever level, whatever is asked', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'chorus-test-'));
  const script = join(dir, 'server.mjs');
  writeFileSync(script, program(dir));
  const server = spawn(process.execPath, [script]);
  onTestFinished(() => {
    server.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  });
  let told = '';
  let logged = '';
  server.stdout.on('data', (text) => {
    told += text;
  });
  server.stderr.on('data', (text) => {
    logged += text;
  });
  await eventually(() => told.includes('\n')).toBe(true);
  const { coordinatorUrl, aggregatorUrl, adminToken } = JSON.parse(told);
  const secrets = new Set<string>([adminToken]);
  const guessed = 'a-token-that-was-guessed';
  secrets.add(guessed);

  const { json: client } = await call('POST', `${coordinatorUrl}/v1/clients`, { body: { name: 'site 7' } });
  secrets.add(client.clientToken);
  const ask = (path: string, token = client.clientToken) =>
    call('POST', `${coordinatorUrl}/v1/clients/${client.clientId}${path}`, { token });
  for (let round = 1; round <= 2; round += 1) {
    await eventually(async () => (await ask('/heartbeat')).json).toMatchObject({ state: 'selected', round });
    const { json: ticket } = await ask('/training');
    secrets.add(ticket.trainingToken);
    const upload = (body: Uint8Array, token: string) =>
      call('PUT', `${aggregatorUrl}/v1/rounds/${round}/updates/${client.clientId}`, { body, token });
    await call('GET', `${aggregatorUrl}/v1/rounds/${round}/model`, { token: ticket.trainingToken });
    await call('GET', `${aggregatorUrl}/v1/rounds/${round}/model`, { token: guessed });
    await upload(new Uint8Array(3), ticket.trainingToken);
    await upload(updateOf([1]), guessed);
    expect((await upload(updateOf([round]), ticket.trainingToken)).status).toBe(200);
    await upload(updateOf([9]), ticket.trainingToken);
  }
  await ask('/heartbeat', guessed);
  await call('GET', `${coordinatorUrl}/v1/clients`, { token: adminToken });
  await call('GET', `${coordinatorUrl}/v1/clients`, { token: guessed });
  // By mistake, where no token belongs.
  await call('GET', `${coordinatorUrl}/v1/audit?token=${adminToken}`);
  await call('GET', `${aggregatorUrl}/v1/rounds/1/model?access_token=${[...secrets].at(-1)}`);
  await call('POST', `${coordinatorUrl}/v1/runs`, { token: adminToken, body: { rounds: 0 } });
  await call('POST', `${coordinatorUrl}/v1/clients`, {
    token: client.clientToken,
    body: { clientId: client.clientId },
  });
  server.kill('SIGUSR2');
  await eventually(async () => (await call('GET', `${coordinatorUrl}/metrics`)).text).toMatch(
    /aggregator_restarts_total 1/,
  );
  server.kill('SIGTERM');
  await new Promise((resolve, reject) => {
    server.once('exit', resolve);
    setTimeout(() => reject(new Error('It does not end')), patienceMs).unref();
  });

  expect(logged.split('\n').filter((line) => line.includes('/heartbeat')).length).toBeGreaterThan(3);
  expect(logged).toContain('/updates/');
  const kept = readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'));
  expect(kept.length).toBeGreaterThan(0);
  for (const secret of secrets) {
    expect(logged).not.toContain(secret);
    for (const text of kept) expect(text).not.toContain(secret);
  }
});
