import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Longest wait for an answer of a program, ms. Registering a million clients takes the longest. */
const answerMsMax = 600_000;

const boot = fileURLToPath(new URL('./boot.mjs', import.meta.url));

interface Reply {
  id: number;
  error?: string;
  value: unknown;
}

interface Asked {
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
  timer: NodeJS.Timeout;
}

/** The id under which a program says that it is ready. */
export const readyId = 0;

/** A program of `bench/programs` in a process of its own; it answers messages. */
export class Program {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #asked = new Map<number, Asked>();
  readonly #ready: Promise<unknown>;
  #lastId = readyId;

  private constructor(name: string, settings: object, nodeArgs: readonly string[]) {
    const file = new URL(`../programs/${name}.ts`, import.meta.url);
    this.#name = name;
    this.#child = fork(boot, [file.href, JSON.stringify(settings)], {
      execArgv: [...nodeArgs],
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#ready = this.#answer(readyId);
    this.#child.on('message', ({ id, error, value }: Reply) => {
      if (error === undefined) this.#settle(id, ({ resolve }) => resolve(value));
      else this.#settle(id, ({ reject }) => reject(new Error(`${name}: ${error}`)));
    });
    this.#child.on('exit', (code) => {
      for (const id of this.#asked.keys()) {
        this.#settle(id, ({ reject }) => reject(new Error(`The program ${name} ended with ${code}`)));
      }
    });
  }

  /**
   * Runs `act`, which may start programs, and ends them whatever happened.
   * @param act its `start` takes the file's name in `bench/programs` without its ending, what the program is to know,
   * and options of Node. Settles when the program is ready.
   */
  static async with<T>(act: (start: StartProgram) => Promise<T>): Promise<T> {
    const programs: Program[] = [];
    const start: StartProgram = async (name, settings = {}, nodeArgs = []) => {
      const program = new Program(name, settings, nodeArgs);
      programs.push(program);
      await program.#ready;
      return program;
    };
    try {
      return await act(start);
    } finally {
      for (const program of programs) program.#child.kill('SIGKILL');
    }
  }

  /** @throws what the program throws, and when it ends or is silent. */
  async ask<Answer>(command: string, body: object = {}): Promise<Answer> {
    this.#lastId += 1;
    const id = this.#lastId;
    const answer = this.#answer(id);
    this.#child.send({ id, command, body });
    return (await answer) as Answer;
  }

  #answer(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const silent = () =>
        this.#settle(id, (asked) => asked.reject(new Error(`The program ${this.#name} does not answer`)));
      this.#asked.set(id, { resolve, reject, timer: setTimeout(silent, answerMsMax) });
    });
  }

  #settle(id: number, act: (asked: Asked) => void): void {
    const asked = this.#asked.get(id);
    if (!asked) return;
    this.#asked.delete(id);
    clearTimeout(asked.timer);
    act(asked);
  }
}

export type StartProgram = (name: string, settings?: object, nodeArgs?: readonly string[]) => Promise<Program>;
