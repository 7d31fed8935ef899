import { type Command, CommanderError } from 'commander';
import { ChorusError } from '../domain/errors.ts';
import { CommandFailure, exitCodes } from './failure.ts';
import { createProgram } from './program.ts';

/**
 * Runs one command line and sets the exit code: 0, 1 when what was asked failed, 2 when it was asked wrongly. Answers go
 * to standard output, everything else to standard error.
 * @param argv as `process.argv`.
 */
export async function runCommandLine(argv: readonly string[]): Promise<void> {
  // A reader that has seen enough, as `head`, closes the pipe; that is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exitCodes.ok);
    throw error;
  });
  const program = createProgram();
  for (const command of everyCommand(program)) {
    command.exitOverride().configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, 'chorus: ')),
    });
  }
  try {
    await program.parseAsync(argv);
  } catch (error) {
    process.exitCode = exitCodeOf(error);
  }
}

const everyCommand = (command: Command): Command[] => [command, ...command.commands.flatMap(everyCommand)];

/** Says what went wrong, unless that was said already. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (error instanceof CommandFailure) {
    process.stderr.write(`chorus: ${error.message}\n`);
    return error.exitCode;
  }
  if (error instanceof ChorusError && error.code !== 'INTERNAL') {
    process.stderr.write(`chorus: ${error.message}\n`);
    return exitCodes.failed;
  }
  process.stderr.write(`chorus: unexpected: ${(error as Error)?.stack ?? error}\n`);
  return exitCodes.failed;
}
