/** Clients for a running server: see README.md. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { clientsMax, runDigitsClients } from './run-clients.ts';
import { type Split, splits } from './split.ts';

interface Flags {
  url: string;
  split: Split;
  clients: number;
  images: number;
  seed: number;
  json: boolean;
}

const seedMax = 2 ** 31 - 1;

const whole = (min: number, max: number) => (text: string) => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`);
  }
  return value;
};

const program = new Command('example:digits')
  .description(
    'Trains a classifier of handwritten digits with clients that keep their images, each on a thread of its own, on a ' +
      'Chorus server that runs already (npm start). Prints the accuracy on held-out digits after each round, and at the ' +
      'end one line of JSON.',
  )
  .option('--url <url>', "the coordinator's address", 'http://127.0.0.1:8081')
  .addOption(
    new Option('--split <split>', 'two digits for each client, or a fair sample').choices(splits).default('two-digits'),
  )
  .option('--clients <n>', `how many clients, 1 to ${clientsMax}`, whole(1, clientsMax), 20)
  .option('--images <n>', 'images for each client', whole(2, 60_000), 600)
  .option('--seed <n>', 'decides the split and the first weights', whole(0, seedMax), 1)
  .option('--json', 'print nothing but the line of JSON', false)
  .action(run);

async function run({ images, json, ...flags }: Flags): Promise<void> {
  const leaving = new AbortController();
  // The first Ctrl-C lets the clients leave; a second one ends the process as usual.
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => leaving.abort());
  const report = json ? () => undefined : (line: string) => void process.stdout.write(`${line}\n`);
  try {
    const result = await runDigitsClients({ ...flags, imagesPerClient: images, report, signal: leaving.signal });
    process.stdout.write(`${JSON.stringify(result)}\n`);
  } catch (error) {
    if (!leaving.signal.aborted) process.stderr.write(`example:digits: ${(error as Error).message}\n`);
    process.exitCode = leaving.signal.aborted ? 130 : 1;
  }
}

await program.parseAsync();
