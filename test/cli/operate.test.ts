import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { patienceMs, type Server, Workplace } from './processes.ts';

const work = new Workplace();
let server: Server;
beforeAll(async () => {
  server = await work.serve(['--data-dir', 'data', '--no-auto-start']);
}, patienceMs);
afterAll(() => work.close());

const ask = (...args: string[]) => work.run(args, { CHORUS_URL: server.url, CHORUS_DATA_DIR: 'data' });

describe('a run in progress', { timeout: 3 * patienceMs }, () => {
  it('tells what happens, and is operated after it was asked for once', async () => {
    expect((await ask('run', 'start', '--min-clients', '3', '--quorum', '2')).code).toBe(0);
    const tailing = work.spawn(['tail', '--all', '--json', '--url', server.url]);
    let said = '';
    tailing.stdout?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const unasked = await ask('operate', 'lower-quorum', '--quorum', '1');
    expect(unasked).toMatchObject({ code: 2, stdout: '' });
    expect(unasked.stderr).toContain('give --yes, or --dry-run');
    const tried = await ask('operate', 'lower-quorum', '--quorum', '1', '--dry-run');
    expect(tried.stdout).toContain('If it were done now:\n  The quorum of round 1, attempt 1, falls from 2 to 1');
    expect(JSON.parse((await ask('status', '--json')).stdout).quorum).toBe(2);
    const done = await ask('operate', 'lower-quorum', '--quorum', '1', '--yes');
    expect(done.stdout).toContain('Done:\n  The quorum of round 1, attempt 1, falls from 2 to 1');
    expect(JSON.parse((await ask('status', '--json')).stdout).quorum).toBe(1);
    const refused = await ask('operate', 'extend-deadline', '--yes');
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('REQUEST_INVALID: extendDeadline needs byMs');
    const events = () =>
      said
        .split('\n')
        .filter((line) => line.endsWith('}'))
        .map((line) => JSON.parse(line) as { type: string; data: { operation?: string } });
    await expect
      .poll(
        () =>
          events()
            .filter(({ type }) => type === 'operation')
            .at(-1)?.data.operation,
        { timeout: patienceMs },
      )
      .toBe('lowerQuorum');
    const ended = new Promise((resolve) => tailing.once('exit', resolve));
    tailing.kill('SIGINT');
    expect(await ended).toBe(0);
    expect((await ask('operate', 'stop', '--yes')).code).toBe(0);
  });
});
