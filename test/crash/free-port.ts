import { createServer } from 'node:net';

/** A port that was free, with a free one after it: a server that is started again must come back to the same two. */
export async function freePort(): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    const first = await listenOn(0);
    const { port } = first.address() as { port: number };
    const second = await listenOn(port + 1).catch(() => null);
    await Promise.all([first, second].map((server) => server && new Promise((resolve) => server.close(resolve))));
    if (second) return port;
    if (attempt === 100) throw new Error('There are no two free ports side by side');
  }
}

function listenOn(port: number): Promise<ReturnType<typeof createServer>> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
