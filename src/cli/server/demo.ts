import { hasHistory } from '../../audit/data-folder.ts';
import type { Plan } from '../../domain/plan.ts';
import type { ServeConfig } from '../config/resolve.ts';
import { CommandFailure } from '../failure.ts';

/** A training that comes with the package: its plan, and clients that take part in it over HTTP. */
export interface Demo {
  readonly plan: Partial<Plan>;
  run(options: {
    url: string;
    split: string;
    clients: number;
    seed: number;
    signal: AbortSignal;
    write: (line: string) => void;
  }): Promise<unknown>;
}

/** Loaded when asked for: it reads a data set. */
export async function loadDemo(): Promise<Demo> {
  const { digitsDemo } = await import('../../../examples/digits/demo.ts');
  return digitsDemo;
}

/** A demo begins anew; a folder with a history would bring back its run. @throws {CommandFailure} it has one. */
export async function refuseOldFolder(dataDir: string): Promise<void> {
  if (!(await hasHistory(dataDir))) return;
  throw new CommandFailure(
    `The demo begins anew, but ${dataDir} has the history of a server; give a new --data-dir, or none: then nothing is kept.`,
  );
}

/** Runs the demo against a server; its progress and then its result, one line of JSON, go to standard output. */
export async function runDemo(
  demo: Demo,
  url: string,
  { demo: settings }: ServeConfig,
  signal: AbortSignal,
): Promise<void> {
  const { split, demoClients: clients, seed } = settings;
  const write = (line: string) => void process.stdout.write(`${line}\n`);
  const result = await demo.run({ url, split, clients, seed, signal, write }).catch((error: unknown) => {
    // What goes wrong in a demo is said in its own sentence.
    throw signal.aborted || !(error instanceof Error) ? error : new CommandFailure(error.message);
  });
  write(JSON.stringify(result));
}
