import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

/** A program in another language, that answers lines with lines. */
export class LineProgram {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(command: string, args: readonly string[]) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    // One that cannot be started ends its output, which `read` reports.
    this.#child.on('error', () => undefined);
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** @throws the program ended. */
  async read(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error('The program ended without an answer');
    return value;
  }

  async ask(line = ''): Promise<string> {
    this.#child.stdin.write(`${line}\n`);
    return this.read();
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}

const sourceOf = (name: string): string => fileURLToPath(new URL(`../programs/${name}`, import.meta.url));

/** The sink in C, or null where there is no C compiler. */
export async function startSink(): Promise<{ port: number; stop(): void } | null> {
  const folder = mkdtempSync(join(tmpdir(), 'chorus-bench-'));
  const binary = join(folder, 'sink');
  try {
    execFileSync('cc', ['-O2', '-D_GNU_SOURCE', '-o', binary, sourceOf('sink.c')], { stdio: 'pipe' });
  } catch {
    rmSync(folder, { recursive: true });
    return null;
  }
  const sink = new LineProgram(binary, []);
  const port = Number(await sink.read());
  const stop = () => {
    sink.stop();
    rmSync(folder, { recursive: true });
  };
  return { port, stop };
}

/** A Python that has numpy, holding the updates of a round, or null. The one that BENCH_PYTHON names comes first. */
export async function startNumpy(clients: number, parameters: number) {
  for (const python of [process.env.BENCH_PYTHON ?? '', 'python3', '/usr/bin/python3'].filter(Boolean)) {
    try {
      execFileSync(python, ['-c', 'import numpy'], { stdio: 'pipe' });
    } catch {
      continue;
    }
    const program = new LineProgram(python, [sourceOf('mean.py'), String(clients), String(parameters)]);
    const version = await program.read();
    return { version, mean: async () => Number(await program.ask()), stop: () => program.stop() };
  }
  return null;
}
