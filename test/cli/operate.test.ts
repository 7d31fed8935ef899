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
    const deadline = async () => JSON.parse((await ask('status', '--json')).stdout).waitingFor.deadlineAtMs;
    const before = await deadline();
    const operation = ['operate', 'extend-deadline', '--by-ms', '60000'];
    const unasked = await ask(...operation);
    expect(unasked).toMatchObject({ code: 2, stdout: '' });
    expect(unasked.stderr).toContain('give --yes, or --dry-run');
    const tried = await ask(...operation, '--dry-run');
    expect(tried.stdout).toMatch(/^If it were done now:\n {2}The deadline of round 1 moves from .*, 60 s later\.\n/);
    expect(await deadline()).toBe(before);
    const done = await ask(...operation, '--yes');
    expect(done.stdout).toMatch(/^Done:\n {2}The deadline of round 1 moves from /);
    expect(await deadline()).toBe(before + 60_000);
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
      .toBe('extendDeadline');
    const ended = new Promise((resolve) => tailing.once('exit', resolve));
    tailing.kill('SIGINT');
    expect(await ended).toBe(0);
    expect(await ask('operate', 'stop', '--yes')).toMatchObject({ code: 0, stderr: '' });
  });
});
