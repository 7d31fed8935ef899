import { createServer } from 'node:net';
import type { Chorus, ListenOptions } from '../../chorus.ts';
import { CommandFailure } from '../failure.ts';

export interface Ports {
  host: string;
  port: number;
  aggregatorPort: number;
}

/**
 * Opens both ports. @param mayMove takes free ports instead when those asked for are in use.
 * @throws {CommandFailure} with the sentence that names the port, the reason and the flag.
 */
export async function openPorts(chorus: Chorus, { host, port, aggregatorPort }: Ports, mayMove: boolean) {
  const listen = (coordinator: number, aggregator: number) =>
    chorus.listen({ host, coordinator, aggregator } satisfies ListenOptions);
  try {
    return await listen(port, aggregatorPort);
  } catch (error) {
    const reason = await whyNot(host, { '--port': port, '--aggregator-port': aggregatorPort });
    if (mayMove && reason?.code === 'EADDRINUSE') return listen(0, 0);
    throw reason ? new CommandFailure(reason.sentence) : error;
  }
}

/** Tries the ports one by one: what the listeners say does not always name the port, or comes from another thread. */
async function whyNot(
  host: string,
  ports: Readonly<Record<string, number>>,
): Promise<{ code: string; sentence: string } | null> {
  for (const [flag, port] of Object.entries(ports)) {
    const code = await bindFailure(host, port);
    if (code) return { code, sentence: sentenceFor(code, host, port, flag) };
  }
  return null;
}

function bindFailure(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(null)));
  });
}

function sentenceFor(code: string, host: string, port: number, flag: string): string {
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} on ${host} is in use by another process; stop that one, or give another port with ${flag} (0 picks a free one).`;
    case 'EACCES':
      return `Port ${port} on ${host} may not be opened by this user; give a port above 1023 with ${flag}.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `host (--host) is ${host}, which is no address of this machine; give one that is, e.g. 127.0.0.1.`;
    default:
      return `Port ${port} on ${host} cannot be opened: ${code}; try another ${flag} or --host.`;
  }
}
