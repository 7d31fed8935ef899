import { createInterface } from 'node:readline/promises';
import type { OperationAnswer } from '../../domain/handle.ts';
import type { Operation } from '../../domain/operations.ts';
import type { Api } from '../api/api.ts';
import { adminApi, type Connection } from '../api/connection.ts';
import { CommandFailure, exitCodes } from '../failure.ts';
import { printable } from '../render/format.ts';
import { print, printJson } from './output.ts';

export interface OperateOptions extends Connection {
  byMs?: number;
  quorum?: number;
  client?: string;
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
}

/** Names as they are typed. */
export const typedOperations = {
  pause: 'pause',
  resume: 'resume',
  stop: 'stop',
  'extend-deadline': 'extendDeadline',
  'lower-quorum': 'lowerQuorum',
  evict: 'evict',
  readmit: 'readmit',
} as const satisfies Record<string, Operation['operation']>;

/** `chorus operate`: tells what would happen, asks once, and does it. */
export async function operate(typed: keyof typeof typedOperations, options: OperateOptions): Promise<void> {
  const { byMs, quorum, client: clientId, dryRun = false, yes = false, json = false } = options;
  const isAsked = process.stdin.isTTY === true && process.stdout.isTTY === true;
  if (!dryRun && !yes && (json || !isAsked)) {
    throw new CommandFailure(
      `This changes the run in progress and nobody can be asked here; give --yes, or --dry-run to see what would happen.`,
      exitCodes.usage,
    );
  }
  const api = await adminApi(options);
  const operation = { operation: typedOperations[typed], ...without({ byMs, quorum, clientId }) };
  if (dryRun || !yes) {
    const answer = await ask(api, { ...operation, dryRun: true });
    if (json) return printJson(answer);
    print(sentences(answer, 'If it were done now:'));
    if (dryRun || !(await confirmed())) return;
  }
  const answer = await ask(api, { ...operation, dryRun: false });
  if (json) printJson(answer);
  else print(sentences(answer, 'Done:'));
}

const ask = (api: Api, body: Record<string, unknown>): Promise<OperationAnswer> =>
  api.json<OperationAnswer>('/v1/operations', {
    method: 'POST',
    contentType: 'application/json',
    body: JSON.stringify(body),
  });

const sentences = (answer: OperationAnswer, title: string): string =>
  [title, ...answer.sentences.map((sentence) => `  ${printable(sentence)}`)].join('\n');

const without = (given: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));

async function confirmed(): Promise<boolean> {
  const asking = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await asking.question('Do it? [y/N] ')).trim());
  } finally {
    asking.close();
  }
}
