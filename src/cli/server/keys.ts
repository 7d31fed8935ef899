import { randomBytes } from 'node:crypto';
import { adminTokenProblem, readTokenFile, refuseBadToken } from '../admin-token.ts';
import { adminTokenVariable } from '../config/catalogue.ts';
import type { ServeConfig } from '../config/resolve.ts';
import { CommandFailure } from '../failure.ts';
import { type DataFolder, openDataFolder } from './data-folder.ts';
import { isOpenToOthers } from './secret-file.ts';
import type { Env } from './serve-config.ts';

const tokenBytes = 32;

/** What a server is entrusted with. */
export interface Keys {
  /** null: nothing outlives the process. */
  readonly folder: DataFolder | null;
  readonly adminToken: string;
  /** Where the admin token is; null when it was made up for this process and is written nowhere. */
  readonly adminTokenAt: string | null;
  /** What an operator should know, a sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Opens the data folder and finds the admin token: that of --admin-token-file, of the variable, of the file that a
 * variable or the settings name, or our own in the data folder.
 * @throws {CommandFailure} the folder cannot be had, or the token is not fit to be one.
 */
export async function openKeys({ server }: ServeConfig, tokenFileByFlag: boolean, env: Env): Promise<Keys> {
  const given = await givenToken(server.adminTokenFile, tokenFileByFlag, env);
  if (server.storage === 'memory') {
    const { token, at } = given ?? { token: randomBytes(tokenBytes).toString('base64url'), at: null };
    return { folder: null, adminToken: token, adminTokenAt: at, warnings: given?.warnings ?? [] };
  }
  const folder = await openDataFolder(server.dataDir);
  if (given) {
    const warnings = [...folder.warnings, ...given.warnings];
    return { folder, adminToken: given.token, adminTokenAt: given.at, warnings };
  }
  try {
    const { token, path } = await folder.adminToken();
    const problem = adminTokenProblem(token);
    if (problem)
      throw new CommandFailure(`The admin token of ${path} ${problem}; or remove the file, and a new one is made.`);
    return { folder, adminToken: token, adminTokenAt: `in ${path}`, warnings: folder.warnings };
  } catch (error) {
    await folder.release();
    throw error;
  }
}

interface GivenToken {
  token: string;
  at: string;
  warnings: readonly string[];
}

async function givenToken(file: string | null, isByFlag: boolean, env: Env): Promise<GivenToken | null> {
  const variable = env[adminTokenVariable];
  if (file !== null && (isByFlag || !variable)) return fileToken(file);
  if (!variable) return null;
  refuseBadToken(variable, `the variable ${adminTokenVariable}`);
  return { token: variable, at: `that of ${adminTokenVariable}`, warnings: [] };
}

/** A token that is handed to us, e.g. by an orchestrator that mounts it, is used as it is; its mode is not ours to choose. */
async function fileToken(file: string): Promise<GivenToken> {
  const token = await readTokenFile(file);
  refuseBadToken(token, file);
  const warning = `Others may read the admin token file ${file}; unless that is meant, run: chmod 600 ${file}`;
  return { token, at: `in ${file}`, warnings: (await isOpenToOthers(file)) ? [warning] : [] };
}
