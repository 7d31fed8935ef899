import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
/** Machines that run tests can be slow; nothing here takes long by itself. */
export const patienceMs = 60_000;

/** What a process was told and said. */
export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The environment of the tests without any setting of ours. */
function environment(extra: Record<string, string>): Record<string, string | undefined> {
  const plain = Object.entries(process.env).filter(([name]) => !name.startsWith('CHORUS_'));
  return { ...Object.fromEntries(plain), NO_COLOR: '1', ...extra };
}

/** A folder of its own for one test file, with the processes that work in it. */
export class Workplace {
  readonly folder = mkdtempSync(join(tmpdir(), 'chorus-cli-'));
  readonly #children = new Set<ChildProcess>();

  path(name: string): string {
    return join(this.folder, name);
  }

  spawn(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
    const child = spawn(process.execPath, [program, ...args], {
      cwd: this.folder,
      env: environment(env),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  /** Runs a command to its end. */
  run(args: readonly string[], env: Record<string, string> = {}): Promise<Finished> {
    const child = this.spawn(args, env);
    return inTime(child, finished(child));
  }

  /** Starts a server on free ports and waits until it says that it listens. */
  async serve(args: readonly string[] = [], env: Record<string, string> = {}): Promise<Server> {
    const free = ['--port', '0', '--aggregator-port', '0', '--log-format', 'json'];
    const server = new Server(this.spawn(['serve', ...free, ...args], env));
    await server.listening();
    return server;
  }

  /** Ends what still runs, and removes the folder. */
  async close(): Promise<void> {
    const left = [...this.#children];
    const gone = left.map((child) => new Promise((resolve) => child.once('exit', resolve)));
    for (const child of left) child.kill('SIGKILL');
    await Promise.all(gone);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What a process said, when it has ended. */
function finished(child: ChildProcess): Promise<Finished> {
  const said = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    said.stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said.stderr += text;
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...said })));
}

/** A process that is to end, ends; from now on it is waited for. @throws when it does not, and then it is killed */
async function inTime(child: ChildProcess, ended: Promise<Finished>): Promise<Finished> {
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill('SIGKILL');
  }, patienceMs);
  const how = await ended;
  clearTimeout(timer);
  if (isLate) throw new Error(`Still running after ${patienceMs} ms; it said: ${how.stderr}`);
  return how;
}

export type LogRecord = { msg: string; level: number } & Record<string, unknown>;

/** A server in a process of its own, logging JSON. */
export class Server {
  readonly child: ChildProcess;
  readonly records: LogRecord[] = [];
  /** However long it lives: a server is there for all tests of a file. */
  readonly #ended: Promise<Finished>;
  url = '';
  aggregatorUrl = '';
  readonly #waiting = new Set<() => void>();
  #unread = '';

  constructor(child: ChildProcess) {
    this.child = child;
    this.#ended = finished(child);
    child.stderr?.on('data', (text: string) => this.#read(text));
    void this.#ended.then(() => this.#wake());
  }

  /** How it ended, when it is to end. @throws when it does not */
  get ended(): Promise<Finished> {
    return inTime(this.child, this.#ended);
  }

  /** Waits for a line of the log. @throws when the server ends without it, or it does not come. */
  async logged(isIt: (record: LogRecord) => boolean): Promise<LogRecord> {
    const deadlineAtMs = Date.now() + patienceMs;
    for (;;) {
      const found = this.records.find(isIt);
      if (found) return found;
      if (this.child.exitCode !== null) throw new Error(`The server ended: ${(await this.ended).stderr}`);
      if (Date.now() > deadlineAtMs)
        throw new Error(`Not logged within ${patienceMs} ms: ${JSON.stringify(this.records)}`);
      await this.#next(deadlineAtMs);
    }
  }

  async listening(): Promise<void> {
    const record = await this.logged(({ msg }) => msg === 'Listening');
    this.url = String(record.coordinatorUrl);
    this.aggregatorUrl = String(record.aggregatorUrl);
  }

  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<Finished> {
    this.child.kill(signal);
    return this.ended;
  }

  #read(text: string): void {
    const lines = `${this.#unread}${text}`.split('\n');
    this.#unread = lines.pop() ?? '';
    for (const line of lines) if (line.startsWith('{')) this.records.push(JSON.parse(line) as LogRecord);
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  #next(deadlineAtMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, deadlineAtMs - Date.now()));
      this.#waiting.add(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
