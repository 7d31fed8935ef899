import { readdirSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { afterAll, describe, expect, it } from 'vitest';
import { patienceMs, Workplace } from './processes.ts';

const work = new Workplace();
afterAll(() => work.close());

const short = ['serve', '--demo', 'digits', '--split', 'iid', '--demo-clients', '3', '--rounds', '1'];

/** Takes a port, or finds it taken: either way it is in use. */
const occupy = (port: number) =>
  new Promise<Server>((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(server));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });

describe('chorus serve --demo digits', { timeout: 3 * patienceMs }, () => {
  it('trains, prints its result as the last line, leaves nothing behind and ends with 0', async () => {
    // The usual ports are in use, and it was not asked for them.
    const others = await Promise.all([8_081, 8_082].map(occupy));
    const { code, stdout, stderr } = await work.run([...short, '--seed', '7']);
    for (const other of others) other.close();
    expect(stderr).toContain('Chorus listens at http://127.0.0.1:');
    expect(code).toBe(0);
    const lines = stdout.trim().split('\n');
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ rounds: 1, clients: 3 });
    expect(lines.length).toBeGreaterThan(1);
    expect(readdirSync(work.folder)).toEqual([]);
  });

  it('ends with 0 when it is told to stop', async () => {
    const child = work.spawn([...short, '--port', '0', '--aggregator-port', '0', '--rounds', '1000']);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await new Promise<void>((resolve) => child.stdout?.once('data', () => resolve()));
    child.kill('SIGINT');
    expect(await ended).toBe(0);
  });

  it('says when its clients are too few for its plan', async () => {
    const { code, stderr } = await work.run([...short, '--min-clients', '4']);
    expect(code).toBe(2);
    expect(stderr).toContain(
      'Flag --min-clients: minClients (--min-clients) is 4, but 3 clients take part in the demo',
    );
  });
});
