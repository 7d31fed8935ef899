import type { ClientState } from '../../domain/client.ts';
import type { ClientPage } from '../../domain/handle.ts';
import { adminApi, type Connection } from '../api/connection.ts';
import { listedMax } from '../read-arguments.ts';
import { styleFor } from '../render/style.ts';
import { clientsTable } from '../render/tables.ts';
import { print, printJson } from './output.ts';

export interface ClientsOptions extends Connection {
  state?: Exclude<ClientState, 'unknown'>;
  limit: number;
  json?: boolean;
}

/** `chorus clients`: who is registered, with the ids that other commands ask for. */
export async function showClients(options: ClientsOptions): Promise<void> {
  const api = await adminApi(options);
  const { state, limit } = options;
  const query = new URLSearchParams({ limit: String(limit), ...(state ? { state } : {}) });
  const answer = await api.json<ClientPage>(`/v1/clients?${query}`);
  if (options.json) {
    printJson(answer);
    return;
  }
  print(clientsTable(answer.clients, Date.now(), styleFor(process.stdout)));
  if (answer.cursor === null) return;
  const advice = limit < listedMax ? '--limit shows more' : '--state shows fewer';
  process.stderr.write(`There are more than these ${answer.clients.length}; ${advice}.\n`);
}
