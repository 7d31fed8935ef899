import type { RoundRecord } from '../../domain/handle.ts';
import { type Connection, publicApi } from '../api/connection.ts';
import { styleFor } from '../render/style.ts';
import { roundsTable } from '../render/tables.ts';
import { print, printJson } from './output.ts';

export interface RoundsOptions extends Connection {
  limit: number;
  json?: boolean;
}

/** `chorus rounds`: the attempts at rounds, newest first. */
export async function showRounds(options: RoundsOptions): Promise<void> {
  const answer = await publicApi(options).json<{ rounds: RoundRecord[] }>(`/v1/rounds?limit=${options.limit}`);
  if (options.json) printJson(answer);
  else print(roundsTable(answer.rounds, Date.now(), styleFor(process.stdout)));
}
