/** Clients that send heartbeats, in a process of its own: keep-alive connections without pipelining. */
import { Connection, requestHead } from '../support/connection.ts';
import { serveCommands } from './serve-commands.ts';

interface Client {
  clientId: string;
  clientToken: string;
}

const heads: string[] = [];
let turn = 0;

/** Another client's with each call. */
const nextHead = (): string => {
  turn = (turn + 1) % heads.length;
  return heads[turn] ?? '';
};

/**
 * Keeps the event loop turning. Waking a process that sleeps costs the one that writes to it more than an answer does, and
 * a server slower than its clients would pay that with each answer, a faster one never. @returns ends it
 */
function stayAwake(): () => void {
  let isAwake = true;
  const turn = () => {
    if (isAwake) setImmediate(turn);
  };
  turn();
  return () => {
    isAwake = false;
  };
}

async function beat(connection: Connection): Promise<void> {
  const { status, body } = await connection.request(nextHead());
  if (status !== 200) throw new Error(`${status} ${body}`);
}

serveCommands({
  clients: ({ clients }: { clients: Client[] }) => {
    for (const { clientId, clientToken } of clients) {
      heads.push(requestHead('POST', `/v1/clients/${clientId}/heartbeat`, clientToken));
    }
  },
  /** As fast as they are answered. @returns ms for all */
  flood: async ({ port, requests, connections }: { port: number; requests: number; connections: number }) => {
    const open = await Connection.openMany(port, connections);
    let left = requests;
    const rest = stayAwake();
    const startedAt = performance.now();
    await Promise.all(
      open.map(async (connection) => {
        while (left > 0) {
          left -= 1;
          await beat(connection);
        }
      }),
    );
    const ms = performance.now() - startedAt;
    rest();
    for (const connection of open) connection.close();
    return ms;
  },
  /** One after every `everyMs`, whether the ones before are answered or not. @returns how long each took, ms */
  probe: async ({ port, count, everyMs }: { port: number; count: number; everyMs: number }) => {
    const idle = await Connection.openMany(port, 8);
    const latencies: number[] = [];
    const sent: Promise<void>[] = [];
    const one = async () => {
      const connection = idle.pop() ?? (await Connection.open(port));
      const startedAt = performance.now();
      await beat(connection);
      latencies.push(performance.now() - startedAt);
      idle.push(connection);
    };
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        sent.push(one());
        if (sent.length < count) return;
        clearInterval(timer);
        resolve();
      }, everyMs);
    });
    await Promise.all(sent);
    for (const connection of idle) connection.close();
    return latencies;
  },
});
