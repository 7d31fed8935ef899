import { readyId } from '../support/program.ts';

/** The program's side of `Program`: answers messages, and says when it is ready. Call it once all is set up. */
export function serveCommands(commands: Readonly<Record<string, (body: never) => unknown>>): void {
  const known: Readonly<Record<string, (body: never) => unknown>> = { ...common, ...commands };
  process.on('message', ({ id, command, body }: { id: number; command: string; body: never }) => {
    act(known[command], command, body).then(
      (value) => process.send?.({ id, value }),
      (error: unknown) => process.send?.({ id, error: error instanceof Error ? error.stack : String(error) }),
    );
  });
  process.on('disconnect', () => process.exit());
  process.send?.({ id: readyId, value: null });
}

async function act(command: ((body: never) => unknown) | undefined, name: string, body: never): Promise<unknown> {
  if (!command) throw new Error(`It knows no command ${name}`);
  return command(body);
}

/** What every program can be asked. */
const common = {
  /** CPU time of all its threads so far, ms. */
  cpu: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000;
  },
  /** Memory that it holds, and held at most, bytes. */
  memory: () => ({ rss: process.memoryUsage().rss, peak: process.resourceUsage().maxRSS * 1_024 }),
};

/** What the program was started with. */
export const programSettings = <T>(): T => JSON.parse(process.argv[2] ?? '{}') as T;

/** A clock that all processes of this machine share, ms. */
export const sharedNow = (): number => Number(process.hrtime.bigint()) / 1e6;
