import { readFile } from 'node:fs/promises';
import { CommandFailure, exitCodes } from './failure.ts';

/** Fewer characters could be guessed. */
const tokenLengthMin = 16;
const tokenPattern = /^[\x21-\x7e]+$/;

/** @returns what is wrong with an admin token, as the end of a sentence that does not show it; or null. */
export function adminTokenProblem(token: string): string | null {
  if (token === '') return 'is empty; give 16 characters or more, e.g. from: openssl rand -hex 32';
  if (!tokenPattern.test(token)) return 'has blanks or characters beyond ASCII; give printable ASCII without blanks';
  if (token.length >= tokenLengthMin) return null;
  return `has ${token.length} characters, and a short one can be guessed; give ${tokenLengthMin} or more, e.g. from: openssl rand -hex 32`;
}

/** Reads a token from a file; a line break at its end does not count. @throws {CommandFailure} it cannot be read. */
export async function readTokenFile(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === 'ENOENT' ? 'there is no such file' : error.message;
    throw new CommandFailure(`The admin token file ${path} cannot be read: ${reason}.`, exitCodes.usage);
  });
  return text.trim();
}

/** @throws {CommandFailure} exit code 2, without the token. @param source what gave it. */
export function refuseBadToken(token: string, source: string): void {
  const problem = adminTokenProblem(token);
  if (problem) throw new CommandFailure(`The admin token of ${source} ${problem}.`, exitCodes.usage);
}
