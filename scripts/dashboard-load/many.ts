import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startCrew } from '../screenshots/crew.ts';

const port = 18_081;
/** Heartbeats under way at once. */
const callers = 8;
const sliceMs = 5_000;
const slices = 6;

interface Slice {
  dashboards: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** Processor time of the server for each heartbeat, all else that it did included, µs. */
  cpuUs: number;
}

/** Prints how many heartbeats a second the server answers, with and without open dashboards, by turns. */
export async function measureHeartbeats(dashboards: number): Promise<void> {
  const server = await startServer();
  const url = `http://127.0.0.1:${port}`;
  const crew = await startCrew({ url, steady: 12, vanishing: 1, broken: 0 });
  const results: Slice[] = [];
  try {
    const { clientId, clientToken } = await (await fetch(`${url}/v1/clients`, { method: 'POST' })).json();
    const path = `/v1/clients/${clientId}/heartbeat`;
    await beatFor(path, clientToken, sliceMs);
    for (let slice = 0; slice < slices; slice += 1) {
      for (const open of slice % 2 === 0 ? [0, dashboards] : [dashboards, 0]) {
        const sockets = await openDashboards(open);
        await sleep(1_000);
        const cpuBefore = await cpuSeconds(url);
        const took = await beatFor(path, clientToken, sliceMs);
        const cpuUs = Math.round((1e6 * ((await cpuSeconds(url)) - cpuBefore)) / ((took.perSecond * sliceMs) / 1_000));
        for (const socket of sockets) socket.destroy();
        results.push({ dashboards: open, ...took, cpuUs });
        console.log(JSON.stringify(results.at(-1)));
        await sleep(500);
      }
    }
  } finally {
    await crew.stop();
    server.kill();
  }
  for (const what of ['perSecond', 'p50Ms', 'cpuUs'] as const) report(what, dashboards, results);
}

/** Two slices that follow each other have the machine alike, whatever else it does: their ratio says the most. */
function report(what: 'perSecond' | 'p50Ms' | 'cpuUs', dashboards: number, results: readonly Slice[]): void {
  const of = (open: number) => results.filter((one) => one.dashboards === open).map((one) => one[what]);
  const [without, withThem] = [of(0), of(dashboards)];
  const ratios = without.map((value, pair) => (withThem[pair] ?? 0) / value);
  const ratio = Math.round(1_000 * medianOf(ratios)) / 1_000;
  console.log(JSON.stringify({ what, without: medianOf(without), with: medianOf(withThem), ratio }));
}

const medianOf = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/** Of the whole server, its threads included. */
async function cpuSeconds(url: string): Promise<number> {
  const page = await (await fetch(`${url}/metrics`)).text();
  return Number(/^process_cpu_seconds_total (\S+)/m.exec(page)?.[1]);
}

async function startServer(): Promise<ChildProcess> {
  const file = fileURLToPath(new URL('./server.ts', import.meta.url));
  const server = spawn(process.execPath, ['--import', 'tsx', file, String(port)], { stdio: 'inherit' });
  for (let tries = 0; tries < 200; tries += 1) {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null);
    if (answer?.ok) return server;
    await sleep(100);
  }
  server.kill();
  throw new Error('The server did not come up');
}

/** Sockets that read the stream and do nothing with it: the reader shall cost as little as can be. @throws refused. */
async function openDashboards(count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let opened = 0; opened < count; opened += 1) sockets.push(await openDashboard());
  return sockets;
}

async function openDashboard(): Promise<Socket> {
  let answered: (status: string) => void = () => undefined;
  const status = new Promise<string>((resolve) => {
    answered = resolve;
  });
  const buffer = Buffer.alloc(65_536);
  const callback = (bytes: number): boolean => {
    answered(buffer.toString('latin1', 0, Math.min(bytes, 15)));
    return true;
  };
  const socket = connect({ port, host: '127.0.0.1', onread: { buffer, callback } });
  socket.on('error', () => socket.destroy());
  socket.on('close', () => answered('nothing'));
  await once(socket, 'connect');
  socket.write(`GET /dashboard/stream HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`);
  if ((await status) !== 'HTTP/1.1 200 OK') throw new Error(`A dashboard was answered ${await status}`);
  return socket;
}

async function beatFor(path: string, token: string, ms: number): Promise<Omit<Slice, 'dashboards' | 'cpuUs'>> {
  const agent = new Agent({ keepAlive: true, maxSockets: callers });
  const times: number[] = [];
  const endMs = performance.now() + ms;
  const caller = async () => {
    while (performance.now() < endMs) {
      const beganMs = performance.now();
      await beat(agent, path, token);
      times.push(performance.now() - beganMs);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  agent.destroy();
  times.sort((a, b) => a - b);
  const at = (share: number) => Math.round((times[Math.floor(share * (times.length - 1))] ?? 0) * 100) / 100;
  return { perSecond: Math.round((1_000 * times.length) / ms), p50Ms: at(0.5), p99Ms: at(0.99) };
}

const beat = (agent: Agent, path: string, token: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    request({ agent, port, host: '127.0.0.1', path, method: 'POST', headers }, (answer) => {
      answer.resume();
      answer.on('end', () => (answer.statusCode === 200 ? resolve() : reject(new Error(`${answer.statusCode}`))));
    })
      .on('error', reject)
      .end();
  });
