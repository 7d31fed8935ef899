/** Exit codes: what was asked was refused or did not work; the command line or the settings are wrong. */
export const exitCodes = { ok: 0, failed: 1, usage: 2 } as const;

/** A failure for which we have a sentence: it is shown without a stack, and ends the command with its exit code. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly exitCode: number;

  constructor(message: string, exitCode: number = exitCodes.failed) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** @throws {CommandFailure} exit code 2, with every sentence on a line of its own, when there are any. */
export function refuseProblems(problems: readonly string[]): void {
  if (problems.length === 0) return;
  const count = problems.length === 1 ? 'One setting is wrong' : `${problems.length} settings are wrong`;
  const lines = problems.map((problem) => `  - ${problem}`).join('\n');
  throw new CommandFailure(`${count}; nothing was started.\n${lines}`, exitCodes.usage);
}
