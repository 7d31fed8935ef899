import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { setTimeout as after } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { encodeSafetensors } from '../../src/wire/safetensors.ts';
import { patienceMs, type Server, Workplace } from './processes.ts';

const work = new Workplace();
afterAll(() => work.close());

const update = Buffer.from(
  encodeSafetensors({ w: { dtype: 'F32', shape: [2], data: Float32Array.of(1, 2) } }, { num_examples: '1' }),
);

async function call<T>({ url }: Server, path: string, token: string | null): Promise<T> {
  const headers = { prefer: 'wait=30', ...(token ? { authorization: `Bearer ${token}` } : {}) };
  const response = await fetch(`${url}${path}`, { method: 'POST', headers });
  expect(response.ok, path).toBe(true);
  return (await response.json()) as T;
}

/** A client in the middle of its upload: the server has its headers and one byte. */
async function halfAnUpload(server: Server): Promise<ClientRequest> {
  const { clientId, clientToken } = await call<{ clientId: string; clientToken: string }>(server, '/v1/clients', null);
  const path = `/v1/clients/${clientId}`;
  while ((await call<{ state: string }>(server, `${path}/heartbeat`, clientToken)).state !== 'selected');
  const ticket = await call<{ trainingToken: string }>(server, `${path}/training`, clientToken);
  const upload = request(`${server.aggregatorUrl}/v1/rounds/1/updates/${clientId}`, {
    method: 'PUT',
    headers: {
      authorization: `Bearer ${ticket.trainingToken}`,
      'content-length': update.byteLength,
      expect: '100-continue',
    },
  });
  upload.flushHeaders();
  await once(upload, 'continue');
  upload.write(update.subarray(0, 1));
  return upload;
}

describe('a server that is told to stop during an upload', { timeout: 2 * patienceMs }, () => {
  const start = () => work.serve(['--storage', 'memory', '--min-clients', '1', '--drain-ms', '60000']);
  const stopping = (server: Server) => server.logged(({ msg }) => msg.startsWith('Stopping on SIGINT'));

  it('says what it waits for, takes the update, and ends with 0', async () => {
    const server = await start();
    const upload = await halfAnUpload(server);
    server.child.kill('SIGINT');
    const { msg } = await stopping(server);
    expect(msg).toContain('uploads under way may still end, for at most 60000 ms (1 client training)');
    upload.end(update.subarray(1));
    const [answer] = (await once(upload, 'response')) as [IncomingMessage];
    expect(answer.statusCode).toBe(200);
    answer.resume();
    expect((await server.ended).code).toBe(0);
  });

  it('ends at once with 130 when it is told again', async () => {
    const server = await start();
    const upload = await halfAnUpload(server);
    upload.on('error', () => undefined);
    server.child.kill('SIGINT');
    await stopping(server);
    // A signal right after the first counts as the same, so it is sent until it is obeyed.
    const ended = server.ended;
    while ((await Promise.race([ended, after(100, null)])) === null) server.child.kill('SIGINT');
    expect((await ended).code).toBe(130);
  });
});
