import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually, patienceMs } from './calls.ts';
import { TestServer } from './test-server.ts';

/** Files that this process may have open; each held call takes one here and one in the process that makes it. */
const filesMax = Number(execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim()) || 1_024;
/** 10,000, or what fits. */
const callsHeld = Math.min(10_000, filesMax - 1_000);
const fewer = Math.ceil(callsHeld / 10);
const openedAtOnce = 200;

/**
 * A crowd in a process of its own: one connection a client, a heartbeat held on each. It says how many were answered, how.
 */
const program = `
  import { connect } from 'node:net';
  import { createInterface } from 'node:readline';
  const lines = createInterface({ input: process.stdin });
  const answers = {};
  let open = 0;
  let waiting = 0;
  const report = () => process.stdout.write(JSON.stringify({ open, answers }) + '\\n');
  const queue = [];
  const next = () => {
    while (open < ${openedAtOnce} + waiting && queue.length > 0) {
      const { port, head } = queue.shift();
      open += 1;
      const socket = connect({ port, host: '127.0.0.1' });
      socket.once('connect', () => {
        socket.write(head, () => { waiting += 1; next(); });
      });
      socket.once('data', (bytes) => {
        const status = bytes.toString('latin1', 9, 12);
        answers[status] = (answers[status] ?? 0) + 1;
        socket.destroy();
      });
      socket.on('error', (error) => { answers[error.code] = (answers[error.code] ?? 0) + 1; });
    }
  };
  lines.on('line', (line) => {
    if (line === 'report') return report();
    queue.push(JSON.parse(line));
    next();
  });
`;

class Crowd {
  readonly #process: ChildProcess;
  #told = '';

  constructor() {
    this.#process = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#process.stdout?.on('data', (text) => {
      this.#told += text;
    });
    onTestFinished(() => {
      this.#process.kill('SIGKILL');
    });
  }

  hold(server: TestServer, calls: number): void {
    const port = Number(new URL(server.coordinatorUrl).port);
    for (let client = 0; client < calls; client += 1) {
      const { clientId, clientToken } = server.handle.rendezvous();
      const head = [
        `POST /v1/clients/${clientId}/heartbeat HTTP/1.1`,
        'Host: localhost',
        `Authorization: Bearer ${clientToken}`,
        'Prefer: wait=120',
        'Content-Length: 0',
        '',
        '',
      ].join('\r\n');
      this.#process.stdin?.write(`${JSON.stringify({ port, head })}\n`);
    }
  }

  /** How many calls were answered with each status. */
  async answers(): Promise<Record<string, number>> {
    const before = this.#told.split('\n').length;
    this.#process.stdin?.write('report\n');
    await eventually(() => this.#told.split('\n').length).toBeGreaterThan(before);
    return JSON.parse(this.#told.trimEnd().split('\n').at(-1) ?? '{}').answers;
  }
}

describe(`${callsHeld} held heartbeats`, () => {
  const start = () =>
    TestServer.start({
      plan: { minClients: 100_000, heartbeatTimeoutMs: 600_000 },
      http: { limits: { requestsPerAddressMax: 1_000_000 } },
    });
  const held = (server: TestServer) =>
    expect.poll(() => server.handle.metrics().longPollsHeld, { timeout: 2 * patienceMs, interval: 50 });

  it('keep nobody else waiting, and are all answered when there is news', async () => {
    const server = await start();
    onTestFinished(() => server.close());
    const crowd = new Crowd();
    crowd.hold(server, callsHeld);
    await held(server).toBe(callsHeld);

    const delays: number[] = [];
    for (let call = 0; call < 20; call += 1) {
      const startedAtMs = performance.now();
      expect((await server.ask('GET', '/v1/status')).json.population).toBe(callsHeld);
      delays.push(performance.now() - startedAtMs);
    }
    expect(delays.sort((a, b) => a - b)[10]).toBeLessThan(500);

    expect((await server.order('POST', '/v1/runs/current/stop')).status).toBe(200);
    await held(server).toBe(0);
    await eventually(() => crowd.answers()).toEqual({ 200: callsHeld });
  }, 120_000);

  it('are all answered when the server closes', async () => {
    const server = await start();
    const crowd = new Crowd();
    crowd.hold(server, fewer);
    await held(server).toBe(fewer);
    await server.close();
    await eventually(() => crowd.answers()).toEqual({ 503: fewer });
  });
});
