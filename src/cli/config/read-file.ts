import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { CommandFailure, exitCodes } from '../failure.ts';

/**
 * Reads a file of settings: TOML, or JSON when its name ends so.
 * @throws {CommandFailure} it is not there, or not well-formed.
 */
export async function readSettingsFile(file: string): Promise<Record<string, unknown>> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === 'ENOENT' ? 'there is no such file' : error.message;
    throw new CommandFailure(`The settings file ${file} cannot be read: ${reason}.`, exitCodes.usage);
  });
  return extname(file) === '.json' ? parseJsonSettings(text, file) : parseTomlSettings(text, file);
}

/** @throws {CommandFailure} with line and column of what is not TOML. */
async function parseTomlSettings(text: string, file: string): Promise<Record<string, unknown>> {
  const { parse, TomlError } = await import('smol-toml');
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split('\n', 1)[0]?.replace('Invalid TOML document: ', '') ?? 'it is not TOML';
    throw new CommandFailure(`${file}, line ${error.line}, column ${error.column}: ${reason}.`, exitCodes.usage);
  }
}

function parseJsonSettings(text: string, file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CommandFailure(`${file} is not JSON: ${(error as Error).message}.`, exitCodes.usage);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new CommandFailure(`${file} holds no JSON object; give settings by name.`, exitCodes.usage);
}
