import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { alternate, median } from './support/measure.ts';
import { atMost, type Benchmark, seconds } from './support/report.ts';

const repeats = { full: 15, tiny: 1 };
const executable = fileURLToPath(new URL('../dist/src/cli/main.js', import.meta.url));
const serve = ['serve', '--storage', 'memory', '--port', '0', '--aggregator-port', '0', '--log-format', 'json'];

/** @returns until the server says that it listens, ms */
async function startServer(): Promise<number> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [executable, ...serve], { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  const said: string[] = [];
  try {
    const listening = new Promise<number>((resolve, reject) => {
      for (const input of [child.stdout, child.stderr]) {
        createInterface({ input }).on('line', (line) => {
          said.push(line);
          if (line.includes('"Listening"')) resolve(performance.now() - startedAt);
        });
      }
      child.once('exit', () => reject(new Error(`The server ended:\n${said.join('\n')}`)));
    });
    return await listening;
  } finally {
    child.kill('SIGKILL');
    await exited;
  }
}

/** @returns until a Node that does nothing has ended, ms */
async function startNothing(): Promise<number> {
  const startedAt = performance.now();
  await once(spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' }), 'exit');
  return performance.now() - startedAt;
}

export const benchmark: Benchmark = {
  name: 'start-up',
  question: 'How soon is the server ready?',
  method:
    'The compiled command line with storage in memory, from its start until it says that both ports listen. The ' +
    'reference is `node -e 0`, from its start to its end.',
  async run(size) {
    const { server, nothing } = await alternate({ nothing: startNothing, server: startServer }, repeats[size]);
    const more = median(server.map((ms, turn) => ms - (nothing[turn] ?? Number.NaN)));
    return [
      {
        what: 'From start to ready',
        against: 'node -e 0',
        ours: seconds(median(server)),
        reference: seconds(median(nothing)),
        ratio: null,
        ...atMost(0.5, more / 1_000, 's more'),
      },
    ];
  },
};
