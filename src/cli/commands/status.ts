import type { RunView, Status } from '../../domain/handle.ts';
import { type Connection, publicApi } from '../api/connection.ts';
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

/** `chorus why`: what the round waits for, in one sentence. */
export async function showWhy(options: Connection): Promise<void> {
  const { waitingFor } = await publicApi(options).json<Status>('/v1/status');
  print(waitingLine(waitingFor, Date.now()));
}
