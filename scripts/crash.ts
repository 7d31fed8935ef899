/**
 * Kills a real server again and again during a real run, and holds what comes of it against an oracle that knows every
 * acknowledged update. `npm run crash -- --kills 200 --clients 20`. The exit code is 1 when an update was lost or counted
 * twice, a client gave up, or the run did not finish.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { seededRandom } from '../src/domain/random.ts';
import { CrashRun } from '../test/crash/crash-run.ts';
import { freePort } from '../test/crash/free-port.ts';

const whole = (text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('Give a whole number from 1.');
  return value;
};

const {
  kills,
  clients,
  rounds = kills,
  seed,
  pauseMs,
  trainMs,
  flag,
} = new Command('crash')
  .description(
    'Kills a real server during a real run, and checks that no acknowledged update is lost or counted twice.',
  )
  .option('--kills <n>', 'how often the server is killed', whole, 200)
  .option('--clients <n>', 'real clients that take part', whole, 20)
  .option('--rounds <n>', 'rounds of the run; it goes on after the last kill (default: one a kill)', whole)
  .option('--pause-ms <ms>', 'longest time between the server being up and its next kill', whole, 1_000)
  .option('--train-ms <ms>', 'longest time that training takes', whole, 500)
  .option('--seed <n>', 'decides when it is killed', whole, (Date.now() % 1_000_000) + 1)
  .option('--flag <flag...>', 'more flags of the server, e.g. --flag=--durability=round', [])
  .parse()
  .opts<{
    kills: number;
    clients: number;
    rounds?: number;
    seed: number;
    pauseMs: number;
    trainMs: number;
    flag: string[];
  }>();

const random = seededRandom(seed);
const folder = await mkdtemp(join(tmpdir(), 'chorus-crash-'));
const run = new CrashRun({ folder, port: await freePort(), clients, rounds, trainMsMax: trainMs, flags: flag });
const startedAtMs = performance.now();
const isTerminal = process.stderr.isTTY === true;

function say(line: string): void {
  if (isTerminal) process.stderr.write(`\r\x1b[K${line}`);
  else console.error(line);
}

async function tell(): Promise<boolean> {
  const status = await run.status();
  const seconds = Math.round((performance.now() - startedAtMs) / 1_000);
  const where = status ? `round ${Math.min(status.round, rounds)} of ${rounds}, attempt ${status.attempt}` : 'away';
  const line = `${run.kills} of ${kills} kills, ${where}, ${run.oracle.acknowledged} updates acknowledged, ${seconds} s`;
  if (isTerminal || run.kills % 10 === 0) say(line);
  return status?.runState === 'finished';
}

try {
  console.error(`Seed ${seed}: ${clients} clients, ${rounds} rounds, ${kills} kills`);
  await run.start();
  run.join();
  while (run.kills < kills) {
    const untilMs = performance.now() + random.below(pauseMs);
    while (performance.now() < untilMs) await run.status();
    if (await tell()) break;
    await run.kill();
    await run.start();
  }
  const gaveUp = await run.finished();
  const history = await run.rounds();
  const status = await run.status();
  const problems = [...gaveUp, ...(await run.oracle.problems(history, (version) => run.model(version)))];
  if (status?.runState !== 'finished') problems.push(`The run is ${status?.runState ?? 'away'}, not finished`);
  const abandoned = history.filter(({ phase }) => phase === 'abandoned').length;
  say('');
  console.log(
    `${run.kills} kills, ${status?.modelVersion ?? 0} rounds committed, ${abandoned} attempts abandoned, ` +
      `${run.oracle.acknowledged} updates acknowledged, ${Math.round((performance.now() - startedAtMs) / 1_000)} s`,
  );
  for (const problem of problems) console.log(`PROBLEM: ${problem}`);
  if (problems.length === 0) console.log('Every acknowledged update is in one attempt, and no client gave up.');
  process.exitCode = problems.length === 0 ? 0 : 1;
} finally {
  await run.close();
  await rm(folder, { recursive: true, force: true });
}
