import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import { clientStates } from '../domain/client.ts';
import { addAdminOptions } from './api/connection.ts';
import type { ClientsOptions } from './commands/clients.ts';
import type { OperateOptions, typedOperations } from './commands/operate.ts';
import { listedMax, readClient, readLimit } from './read-arguments.ts';

/** `chorus clients`. */
export function addClients(program: Command): void {
  const present = clientStates.filter((state) => state !== 'unknown');
  const clients = program
    .command('clients')
    .summary('list the clients')
    .description('Lists registered clients with their ids and states; needs the admin token.')
    .addOption(new Option('--state <state>', 'only those in this state').choices(present))
    .option('--limit <n>', `how many, 1 to ${listedMax}`, readLimit, 100)
    .option('--json', 'print the answer of the API');
  addAdminOptions(clients).action(async (options: ClientsOptions) => {
    const { showClients } = await import('./commands/clients.ts');
    await showClients(options);
  });
}

/** `chorus operate`. */
export function addOperate(program: Command): void {
  const operate = program
    .command('operate')
    .summary('steer a run in progress')
    .description(
      'Does something to the run in progress, after it told what would happen and asked once. What is done is written to ' +
        'the audit log of the server.',
    )
    .addArgument(
      new Argument('<operation>', 'what to do').choices([
        ...['pause', 'resume', 'stop', 'extend-deadline', 'lower-quorum', 'evict', 'readmit'],
      ]),
    )
    .option('--by-ms <ms>', 'extend-deadline: by how much', readCount)
    .option('--quorum <n>', 'lower-quorum: to how many contributions', readCount)
    .option('--client <id>', 'evict and readmit: which client', readClient)
    .option('--dry-run', 'only tell what would happen now')
    .option('--yes', 'do not ask')
    .option('--json', 'print the answer of the API');
  addAdminOptions(operate).action(async (typed: keyof typeof typedOperations, options: OperateOptions) => {
    const { operate: run } = await import('./commands/operate.ts');
    await run(typed, options);
  });
}

function readCount(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give a whole number from 1.');
}
