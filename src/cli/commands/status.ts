import type { RunView, Status } from '../../domain/handle.ts';
import type { SelectionExplanation } from '../../domain/selection-reason.ts';
import { adminApi, type Connection, publicApi } from '../api/connection.ts';
import { CommandFailure, exitCodes } from '../failure.ts';
import { printable } from '../render/format.ts';
import { statusLines, waitingLine } from '../render/status.ts';
import { styleFor } from '../render/style.ts';
import { print, printJson } from './output.ts';

export interface StatusOptions extends Connection {
  json?: boolean;
  watch?: boolean;
}

/** `chorus status`: where the run stands, once or until Ctrl-C. */
export async function showStatus(options: StatusOptions): Promise<void> {
  const api = publicApi(options);
  if (options.watch) {
    const { watchStatus } = await import('./watch.ts');
    await watchStatus(api, { json: options.json === true });
    return;
  }
  const status = await api.json<Status>('/v1/status');
  if (options.json) {
    printJson(status);
    return;
  }
  const run = status.run === null ? null : await api.json<RunView>('/v1/runs/current');
  print(statusLines(status, Date.now(), styleFor(process.stdout), run?.plan).join('\n'));
}

export interface WhyOptions extends Connection {
  client?: string;
  round?: number;
}

/** `chorus why`: what the round waits for, or why a client was chosen for one or was not, in one sentence. */
export async function showWhy(options: WhyOptions): Promise<void> {
  if (options.client !== undefined) {
    await showWhyClient(options, options.client);
    return;
  }
  if (options.round !== undefined) {
    throw new CommandFailure('--round goes with --client: name the client that you ask about.', exitCodes.usage);
  }
  const { waitingFor } = await publicApi(options).json<Status>('/v1/status');
  print(waitingLine(waitingFor, Date.now()));
}

async function showWhyClient(options: WhyOptions, client: string): Promise<void> {
  const api = await adminApi(options);
  const round = options.round ?? (await api.json<Status>('/v1/status')).round;
  if (round === 0) throw new CommandFailure('No round was opened yet, so nobody was chosen.');
  const path = `/v1/rounds/${round}/selection/${encodeURIComponent(client)}`;
  const { clientId, sentence } = await api.json<SelectionExplanation>(path);
  print(`Client ${printable(clientId)}, round ${round}: ${printable(sentence)}.`);
}
