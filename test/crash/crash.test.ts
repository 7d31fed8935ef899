import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { seededRandom } from '../../src/domain/random.ts';
import { CrashRun, type CrashRunOptions } from './crash-run.ts';
import { freePort } from './free-port.ts';

async function crashRun(options: Partial<CrashRunOptions> = {}): Promise<CrashRun> {
  const folder = mkdtempSync(join(tmpdir(), 'chorus-crash-'));
  const run = new CrashRun({ folder, port: await freePort(), clients: 6, rounds: 3, ...options });
  onTestFinished(async () => {
    await run.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return run;
}

/** The run goes on to its end, and every acknowledged update is where it belongs. */
async function expectWhole(run: CrashRun, rounds: number): Promise<void> {
  const watched = run.finished();
  // The clients leave when they hear that it is over, so the server must be up by then.
  expect(await watched).toEqual([]);
  expect(await run.status()).toMatchObject({ runState: 'finished', modelVersion: rounds });
  expect(await run.oracle.problems(await run.rounds(), (version) => run.model(version))).toEqual([]);
}

/** Between each write and its answer, and on either side of each step of a commit. */
const moments = [
  'append journal before 12',
  'append journal after 12',
  'append journal after 20',
  'write staged before 2',
  'write staged after 2',
  'sync staged before 1',
  'sync staged after 3',
  'sync journal before 3',
  'sync journal after 4',
  'write models before 1',
  'write models after 1',
  'rename models before 1',
  'rename models after 1',
  'syncNow journal before 1',
  'syncNow journal after 1',
  'remove staged before 1',
  'remove staged after 1',
];

describe('a server that is killed', () => {
  it.each(moments)(
    'comes back to where it was: %s',
    async (moment) => {
      const run = await crashRun({ rounds: 2 });
      await run.start(moment);
      run.join();
      expect(await run.killedItself(60_000)).toBe(true);
      await run.start();
      await expectWhole(run, 2);
    },
    120_000,
  );

  it('comes back from kills at random moments, with every acknowledged update counted once', async () => {
    const seed = Date.now() % 1_000_000;
    const random = seededRandom(seed);
    const run = await crashRun({ rounds: 6 });
    await run.start();
    run.join();
    for (let kill = 0; kill < 6 && (await run.status())?.runState !== 'finished'; kill += 1) {
      const untilMs = performance.now() + random.below(400);
      while (performance.now() < untilMs) await run.status();
      await run.kill();
      await run.start();
    }
    await expectWhole(run, 6);
  }, 240_000);
});
