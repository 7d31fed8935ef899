import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { participate } from '../../src/client/index.ts';
import type { RoundRecord, Status } from '../../src/domain/handle.ts';
import { numExamplesOf, Oracle, updateOf } from './oracle.ts';

const program = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const killer = new URL('./killer.mjs', import.meta.url).href;
/** A server that comes up more slowly than that does not come up, ms. */
const startMsMax = 60_000;
/** Between looks at whether the server is up, ms. */
const lookMs = 25;
/** An outage that a client rides out, ms: many starts in a row. */
const outageMsMax = 600_000;
/** Rounds a client may miss in a row: each kill may cost it one. */
const missedMax = 100;

export interface CrashRunOptions {
  folder: string;
  port: number;
  clients: number;
  rounds: number;
  /** Longest time that training takes, ms. @default 100 */
  trainMsMax?: number;
  /** More settings of the server. */
  flags?: readonly string[];
}

/** A real server in a process of its own that is killed again and again, and real clients that go on through it all. */
export class CrashRun {
  readonly oracle = new Oracle();
  readonly #options: CrashRunOptions;
  readonly #url: string;
  readonly #home = new AbortController();
  #server: ChildProcess | null = null;
  #exited: Promise<unknown> = Promise.resolve();
  #clients: Promise<PromiseSettledResult<unknown>[]> = Promise.resolve([]);
  kills = 0;
  /** What the server said since its last start. */
  said = '';

  constructor(options: CrashRunOptions) {
    this.#options = options;
    this.#url = `http://127.0.0.1:${options.port}`;
  }

  /** Starts the server, and settles when it answers. @param kill when it kills itself; see `killer.mjs` */
  async start(kill?: string): Promise<void> {
    const { folder, port, clients, rounds, flags = [] } = this.#options;
    const settings = {
      'data-dir': folder,
      port,
      'aggregator-port': port + 1,
      rounds,
      'min-clients': clients,
      quorum: Math.ceil(clients / 2),
      'heartbeat-interval-ms': 1_000,
      'heartbeat-timeout-ms': 15_000,
      'training-window-ms': 60_000,
      'attempts-max': 1_000,
      'log-level': 'warn',
      'log-format': 'json',
    };
    this.said = '';
    const server = spawn(
      process.execPath,
      [
        ...(kill ? ['--import', killer] : []),
        program,
        'serve',
        ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
        ...flags,
      ],
      { env: { ...process.env, ...(kill ? { CHORUS_TEST_KILL: kill } : {}) }, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    server.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.said += text;
    });
    this.#server = server;
    this.#exited = new Promise((resolve) => server.once('exit', resolve));
    const giveUpAtMs = performance.now() + startMsMax;
    while ((await this.status()) === null && server.exitCode === null && server.signalCode === null) {
      if (performance.now() > giveUpAtMs) throw new Error(`The server does not come up: ${this.said}`);
      await setTimeout(lookMs);
    }
    if (server.exitCode !== null) throw new Error(`The server ended by itself: ${this.said}`);
  }

  /** The clients take part until the run is finished. */
  join(): void {
    this.#clients = Promise.allSettled(Array.from({ length: this.#options.clients }, (_, index) => this.#take(index)));
  }

  #take(index: number): Promise<unknown> {
    const { trainMsMax = 100 } = this.#options;
    return participate({
      url: this.#url,
      signal: this.#home.signal,
      waitSeconds: 5,
      retry: { delayMsBase: 50, delayMsMax: 250, attemptsMax: 1_000_000, elapsedMsMax: outageMsMax },
      failedRoundsMax: missedMax,
      train: async ({ round }) => {
        await setTimeout(Math.random() * trainMsMax);
        return { tensors: updateOf(index, round), numExamples: numExamplesOf(index) };
      },
      onProgress: (event) => {
        if (event.type === 'registered' || event.type === 'reregistered') this.oracle.knows(index, event.clientId);
        if (event.type === 'uploaded') this.oracle.accepted(index, event.receipt);
      },
    });
  }

  async kill(): Promise<void> {
    this.#server?.kill('SIGKILL');
    await this.#exited;
    this.kills += 1;
  }

  /** Settles when the server has killed itself. @returns false when it does not within a bound, ms. */
  async killedItself(msMax: number): Promise<boolean> {
    const inTime = new AbortController();
    const late = setTimeout(msMax, false, { signal: inTime.signal }).catch(() => false);
    const isDead = await Promise.race([this.#exited.then(() => true), late]);
    inTime.abort();
    if (isDead) this.kills += 1;
    return isDead;
  }

  /** null while it does not answer. */
  async status(): Promise<Status | null> {
    return this.#get<Status>('/v1/status');
  }

  /** Every attempt, in order. */
  async rounds(): Promise<RoundRecord[]> {
    const answer = await this.#get<{ rounds: RoundRecord[] }>('/v1/rounds?limit=1000');
    return (answer?.rounds ?? []).toReversed();
  }

  async model(version: number): Promise<Uint8Array> {
    return new Uint8Array(await (await fetch(`${this.#url}/v1/models/${version}`)).arrayBuffer());
  }

  /** Settles when every client is through. @returns why clients gave up, a sentence each. */
  async finished(): Promise<string[]> {
    const ends = await this.#clients;
    return ends.flatMap((end) => (end.status === 'rejected' ? [String(end.reason)] : []));
  }

  async close(): Promise<void> {
    this.#home.abort(new Error('The run is given up'));
    this.#server?.kill('SIGTERM');
    await this.#exited;
    await this.#clients;
  }

  async #get<T>(path: string): Promise<T | null> {
    try {
      const answer = await fetch(this.#url + path, { signal: AbortSignal.timeout(2_000) });
      return answer.ok ? ((await answer.json()) as T) : null;
    } catch {
      return null;
    }
  }
}
